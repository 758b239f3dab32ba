// Package telemetry holds what Holdfast tells about itself: metrics by
// Prometheus' conventions. Labels are names from declarations and fixed
// words; they never hold an id, a text or a value.
package telemetry

import (
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the series that Holdfast promises. All methods are safe for
// concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec
	texts    *prometheus.CounterVec
	entities *prometheus.CounterVec
	steps    *prometheus.HistogramVec
	search   prometheus.Histogram
	dropped  *prometheus.CounterVec
}

// Level is a gauge that is read when it is scraped.
type Level struct {
	Collection string
	Pending    float64
	LagSeconds float64
	Dead       float64
}

// ModelLevel is where a model stands when it is scraped.
type ModelLevel struct {
	Model string
	State string // "ok", or one of modelStates
	Spent []SpentLevel
}

// SpentLevel is how much of a budget is used.
type SpentLevel struct {
	Scope  string // a model, or "all"
	Period string // "day" or "month"
	Share  float64
}

// modelStates are the states in which a model is not called.
var modelStates = []string{"held", "down", "over budget", "waiting", "changed"}

// New makes the series. levels and models are called at each scrape.
func New(levels func() []Level, models func() []ModelLevel) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_embedding_requests_total", Help: "Calls to an embedding model.",
		}, []string{"model"}),
		texts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_embedding_texts_total", Help: "Texts that were embedded, by whether the vector was computed or found.",
		}, []string{"result"}),
		entities: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_gate_entities_total", Help: "Values that the gate found and transformed.",
		}, []string{"entity", "action"}),
		steps: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdfast_step_duration_seconds", Help: "Time of one attempt at a step.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 14),
		}, []string{"pipeline", "step"}),
		search: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "holdfast_search_duration_seconds", Help: "Time to answer a search.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2, 14),
		}),
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_search_hits_dropped_total", Help: "Hits that the check against the records refused.",
		}, []string{"reason"}),
	}
	m.registry.MustRegister(m.requests, m.texts, m.entities, m.steps, m.search, m.dropped, newLevelCollector(levels), newModelCollector(models),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, result := range []string{"computed", "reused"} {
		m.texts.WithLabelValues(result)
	}
	for _, reason := range []string{"deleted", "superseded", "filter", "access", "gone"} {
		m.dropped.WithLabelValues(reason)
	}
	return m
}

// Handler serves the series.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Embedded counts texts and calls to a model.
func (m *Metrics) Embedded(model string, requests, computed, reused int) {
	m.requests.WithLabelValues(model).Add(float64(requests))
	m.texts.WithLabelValues("computed").Add(float64(computed))
	m.texts.WithLabelValues("reused").Add(float64(reused))
}

// Transformed counts values of one type.
func (m *Metrics) Transformed(entity, action string, n int) {
	m.entities.WithLabelValues(entity, action).Add(float64(n))
}

// StepTook records one attempt.
func (m *Metrics) StepTook(pipeline, step string, took time.Duration) {
	m.steps.WithLabelValues(pipeline, step).Observe(took.Seconds())
}

// SearchTook records one search.
func (m *Metrics) SearchTook(took time.Duration) { m.search.Observe(took.Seconds()) }

// HitDropped counts hits that were refused for a reason.
func (m *Metrics) HitDropped(reason string, n int) {
	m.dropped.WithLabelValues(reason).Add(float64(n))
}

// levelCollector reads gauges at scrape time, so that no writer has to keep
// them up to date.
type levelCollector struct {
	read               func() []Level
	pending, lag, dead *prometheus.Desc
}

func newLevelCollector(read func() []Level) *levelCollector {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"collection"}, nil)
	}
	return &levelCollector{
		read:    read,
		pending: desc("holdfast_changes_pending", "Changes that are not indexed yet, without dead letters."),
		lag:     desc("holdfast_index_lag_seconds", "Age of the oldest pending change."),
		dead:    desc("holdfast_dead_letters", "Open dead letters."),
	}
}

// Describe implements prometheus.Collector.
func (c *levelCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.pending
	ch <- c.lag
	ch <- c.dead
}

// Collect implements prometheus.Collector.
func (c *levelCollector) Collect(ch chan<- prometheus.Metric) {
	for _, l := range c.read() {
		ch <- prometheus.MustNewConstMetric(c.pending, prometheus.GaugeValue, l.Pending, l.Collection)
		ch <- prometheus.MustNewConstMetric(c.lag, prometheus.GaugeValue, l.LagSeconds, l.Collection)
		ch <- prometheus.MustNewConstMetric(c.dead, prometheus.GaugeValue, l.Dead, l.Collection)
	}
}

// modelCollector reads the models' gauges at scrape time.
type modelCollector struct {
	read           func() []ModelLevel
	blocked, spent *prometheus.Desc
}

func newModelCollector(read func() []ModelLevel) *modelCollector {
	return &modelCollector{
		read: read,
		blocked: prometheus.NewDesc("holdfast_model_blocked",
			"1 while a model is not called: it is down, held, over budget, waiting for its provider, or changed.", []string{"model", "reason"}, nil),
		spent: prometheus.NewDesc("holdfast_budget_used_ratio",
			"Share of a budget that is used, of a model or of all.", []string{"scope", "period"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (c *modelCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.blocked
	ch <- c.spent
}

// Collect implements prometheus.Collector.
func (c *modelCollector) Collect(ch chan<- prometheus.Metric) {
	budgets := map[[2]string]float64{} // that of all models comes with each
	for _, m := range c.read() {
		for _, reason := range modelStates {
			value := 0.0
			if m.State == reason {
				value = 1
			}
			ch <- prometheus.MustNewConstMetric(c.blocked, prometheus.GaugeValue, value, m.Model, strings.ReplaceAll(reason, " ", "_"))
		}
		for _, s := range m.Spent {
			budgets[[2]string{s.Scope, s.Period}] = s.Share
		}
	}
	for of, share := range budgets {
		ch <- prometheus.MustNewConstMetric(c.spent, prometheus.GaugeValue, share, of[0], of[1])
	}
}
