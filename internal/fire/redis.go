package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a Redis of our own. It keeps nothing on disk: what it forgets, a shop does not need.
type redisServer struct {
	address string
	folder  string
	client  *redis.Client

	mu      sync.Mutex
	process *exec.Cmd
	ended   chan struct{}
}

// newRedis starts a Redis; its folder must be there.
func newRedis(ctx context.Context, folder string) (*redisServer, error) {
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &redisServer{address: address, folder: folder}
	s.client = redis.NewClient(&redis.Options{Addr: address, MaxRetries: -1, DialTimeout: time.Second})
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *redisServer) start(ctx context.Context) error {
	_, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "redis-server", "--bind", "127.0.0.1", "--port", port,
		"--save", "", "--appendonly", "no", "--dir", s.folder)
	apart(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start Redis: %w", err)
	}
	ended := make(chan struct{})
	s.mu.Lock()
	s.process, s.ended = cmd, ended
	s.mu.Unlock()
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	return until(ctx, "Redis answers", func() bool { return s.client.Ping(ctx).Err() == nil })
}

// signal sends something to the process.
func (s *redisServer) signal(send func(*os.Process) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return send(s.process.Process)
}

// kill ends it as kill -9 does.
func (s *redisServer) kill() error {
	if err := s.signal((*os.Process).Kill); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return nil
}

// flush has it forget everything, the script of the limiter included.
func (s *redisServer) flush(ctx context.Context) error {
	return errors.Join(s.client.FlushAll(ctx).Err(), s.client.ScriptFlush(ctx).Err())
}

func (s *redisServer) close() error {
	err := s.client.Close()
	if s.process != nil {
		err = errors.Join(err, s.kill())
	}
	return err
}
