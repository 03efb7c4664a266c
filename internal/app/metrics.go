package app

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"farthing/graph/graphqlhttp"
	"farthing/internal/checkout"
	"farthing/internal/guard"
)

// metrics are what the shop counts of itself. Each shop has its own registry, so that several fit into one test.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.HistogramVec
	batches   *prometheus.HistogramVec
	batchSize prometheus.Histogram
	purchases prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "farthing_http_request_seconds", Help: "Time to answer an HTTP request.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"path", "status"}),
		batches: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "farthing_till_batch_seconds", Help: "Time of one transaction of the till.", Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}, []string{"result"}),
		batchSize: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "farthing_till_batch_requests", Help: "Checkouts in one transaction of the till.", Buckets: prometheus.ExponentialBuckets(1, 2, 9),
		}),
		purchases: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "farthing_purchases_total", Help: "Purchases made by this process.",
		}),
	}
	m.registry.MustRegister(m.requests, m.batches, m.batchSize, m.purchases,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// batch counts one transaction of the till.
func (m *metrics) batch(b checkout.Batch) {
	result := "committed"
	if b.Err != nil {
		result = "taken_apart"
	} else {
		m.purchases.Add(float64(b.Purchases))
	}
	m.batches.WithLabelValues(result).Observe(b.Took.Seconds())
	m.batchSize.Observe(float64(b.Requests))
}

// request counts one HTTP request.
func (m *metrics) request(path string, status int, took time.Duration) {
	m.requests.WithLabelValues(path, strconv.Itoa(status)).Observe(took.Seconds())
}

// limiter shows the state of the rate limiter.
func (m *metrics) limiter(r *guard.Resilient) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "farthing_rate_limit_degraded", Help: "1 while Redis is away and this process counts alone.",
		}, func() float64 {
			if r.Degraded() {
				return 1
			}
			return 0
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "farthing_rate_limit_fallbacks_total", Help: "Decisions made in this process because Redis was away.",
		}, func() float64 { return float64(r.Stats().Fallbacks) }),
	)
}

// streams shows how many connections stay open, and what runs on them.
func (m *metrics) streams(s *graphqlhttp.Streams) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "farthing_subscriptions", Help: "Subscriptions that are running.",
		}, func() float64 { return float64(s.Operations()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "farthing_subscription_connections", Help: "WebSockets and event streams that are open.",
		}, func() float64 { return float64(s.Connections()) }),
	)
}

// admission shows what is executed, what waits for that and how much has been turned away.
func (m *metrics) admission(a *graphqlhttp.Admission) {
	for operation, load := range map[string]func() graphqlhttp.Load{"query": a.Queries, "mutation": a.Mutations} {
		labels := prometheus.Labels{"operation": operation}
		m.registry.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "farthing_operations_executing", Help: "Queries and mutations that are executed.", ConstLabels: labels,
			}, func() float64 { return float64(load().Executing) }),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{
				Name: "farthing_operations_waiting", Help: "Queries and mutations that wait to be executed.", ConstLabels: labels,
			}, func() float64 { return float64(load().Waiting) }),
			prometheus.NewCounterFunc(prometheus.CounterOpts{
				Name: "farthing_operations_refused_total", Help: "Queries and mutations turned away because there was no room.", ConstLabels: labels,
			}, func() float64 { return float64(load().Refused) }),
		)
	}
}

// connections shows how many connections are open.
func (m *metrics) connections(c *connections) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "farthing_http_connections", Help: "Connections that are open, idle ones too.",
	}, func() float64 { return float64(c.count()) }))
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
