package proxy

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the numbers of one proxy, by route.
type metrics struct {
	began, refused, retries, lost, moved, cancels *prometheus.CounterVec
	login, lasted, waits, transactions            *prometheus.HistogramVec
	server                                        *Server
	open, waiting, bytes, paused, token, clients  *prometheus.Desc
	age                                           *prometheus.Desc
}

func newMetrics(s *Server) *metrics {
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lakeward_proxy_" + name, Help: help}, []string{"route"})
	}
	gauge := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("lakeward_proxy_"+name, help, append([]string{"route"}, labels...), nil)
	}
	return &metrics{
		server:  s,
		began:   counter("sessions_total", "Sessions that have begun."),
		refused: counter("refused_total", "Clients that got no session."),
		retries: counter("login_retries_total", "Logins to the instance that were tried again."),
		lost:    counter("lost_total", "Sessions that the instance has ended."),
		moved:   counter("moved_total", "Sessions that a pause has given a new session on the instance."),
		cancels: counter("cancels_total", "Cancel requests that were passed on."),
		login: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lakeward_proxy_login_seconds", Help: "Time from a client's greeting to its session, waiting included.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"route"}),
		lasted: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lakeward_proxy_session_seconds", Help: "How long sessions lasted.",
			Buckets: []float64{.1, 1, 10, 60, 600, 3600, 4 * 3600, 24 * 3600},
		}, []string{"route"}),
		waits: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lakeward_proxy_wait_seconds", Help: "How long clients in transaction mode waited for a session; those that found one at once are not counted.",
			Buckets: latencies,
		}, []string{"route"}),
		transactions: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lakeward_proxy_transaction_seconds", Help: "How long clients in transaction mode had a session.",
			Buckets: latencies,
		}, []string{"route"}),
		open:    gauge("sessions", "Sessions on the instance: all of them, and those that clients have at the moment.", "state"),
		clients: gauge("clients", "Clients that are connected."),
		waiting: gauge("waiting", "Clients that wait for a session."),
		bytes:   gauge("bytes_total", "Bytes relayed, by direction.", "direction"),
		token:   gauge("token_seconds_left", "How long the token at hand is still good for a login."),
		age:     gauge("token_age_seconds", "How long ago the token at hand was minted."),
		paused:  gauge("paused", "1 while the route is paused."),
	}
}

func (m *metrics) parts() []prometheus.Collector {
	return []prometheus.Collector{m.began, m.refused, m.retries, m.lost, m.moved, m.cancels, m.login, m.lasted, m.waits, m.transactions}
}

// Describe is of prometheus.Collector.
func (m *metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, p := range m.parts() {
		p.Describe(ch)
	}
	ch <- m.open
	ch <- m.clients
	ch <- m.waiting
	ch <- m.bytes
	ch <- m.paused
	ch <- m.token
	ch <- m.age
}

// Collect is of prometheus.Collector.
func (m *metrics) Collect(ch chan<- prometheus.Metric) {
	for _, p := range m.parts() {
		p.Collect(ch)
	}
	for _, r := range m.server.all() {
		st := r.state()
		if c := r.connector(); !c.Expires().IsZero() {
			ch <- prometheus.MustNewConstMetric(m.token, prometheus.GaugeValue, time.Until(c.Expires()).Seconds(), r.name)
			ch <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, seconds(c.Minted()), r.name)
		}
		paused := 0.0
		if st.Paused {
			paused = 1
		}
		ch <- prometheus.MustNewConstMetric(m.open, prometheus.GaugeValue, float64(st.Sessions), r.name, "all")
		ch <- prometheus.MustNewConstMetric(m.open, prometheus.GaugeValue, float64(st.Busy), r.name, "busy")
		ch <- prometheus.MustNewConstMetric(m.clients, prometheus.GaugeValue, float64(st.Clients), r.name)
		ch <- prometheus.MustNewConstMetric(m.waiting, prometheus.GaugeValue, float64(st.Waiting), r.name)
		ch <- prometheus.MustNewConstMetric(m.paused, prometheus.GaugeValue, paused, r.name)
		ch <- prometheus.MustNewConstMetric(m.bytes, prometheus.CounterValue, float64(r.bytes.up.Load()), r.name, "up")
		ch <- prometheus.MustNewConstMetric(m.bytes, prometheus.CounterValue, float64(r.bytes.down.Load()), r.name, "down")
	}
}

// latencies are of statements: from a fraction of a millisecond on.
var latencies = []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}

// traffic counts bytes.
type traffic struct{ up, down atomic.Uint64 }

func seconds(since time.Time) float64 { return time.Since(since).Seconds() }
