package observe

import (
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the numbers of one server. Each has a registry of its own, so that two servers in one process do not mix.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.HistogramVec
	open     prometheus.Gauge
}

// NewMetrics makes the metrics of a server of this version.
func NewMetrics(version string) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lakeward_http_request_duration_seconds", Help: "Time to answer, by route, method and status.",
			Buckets: []float64{.005, .025, .1, .5, 1, 5, 30, 300},
		}, []string{"route", "method", "code"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lakeward_http_requests_open", Help: "Requests that are being answered, watchers of events among them.",
		}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "lakeward_build_info", Help: "Always 1; the label says which version runs.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.open, build, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Gauge adds a number that read finds out at each scrape, such as whether the Lakebase answers.
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, read))
}

// Register adds a collector.
func (m *Metrics) Register(c prometheus.Collector) { m.registry.MustRegister(c) }

// Handler answers scrapes.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// observe counts one answered request. A route is a pattern and never a path, so that names in paths make no series.
func (m *Metrics) observe(route, method string, code int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(code)).Observe(took.Seconds())
}
