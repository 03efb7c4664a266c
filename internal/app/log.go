package app

import (
	"context"
	"io"
	"log/slog"
)

// NewLogger writes the log as the configuration wants it. What is logged about a request bears the request's id.
func NewLogger(w io.Writer, config Config) *slog.Logger {
	var level slog.Level
	// The configuration has been checked; an unknown level would leave it at info.
	_ = level.UnmarshalText([]byte(config.LogLevel))
	options := &slog.HandlerOptions{Level: level}
	var handler slog.Handler = slog.NewTextHandler(w, options)
	if config.LogFormat == "json" {
		handler = slog.NewJSONHandler(w, options)
	}
	return slog.New(withRequestID{handler})
}

// withRequestID adds the id of the request that a line is about.
type withRequestID struct{ slog.Handler }

// Handle adds the id and passes the line on.
func (h withRequestID) Handle(ctx context.Context, record slog.Record) error {
	if id := requestID(ctx); id != "" {
		record.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, record)
}

// WithAttrs keeps the id for loggers made from this one.
func (h withRequestID) WithAttrs(attrs []slog.Attr) slog.Handler {
	return withRequestID{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the id for loggers made from this one.
func (h withRequestID) WithGroup(name string) slog.Handler {
	return withRequestID{h.Handler.WithGroup(name)}
}
