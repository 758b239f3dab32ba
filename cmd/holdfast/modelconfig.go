package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/holdfast/holdfast"
	"github.com/holdfast/holdfast/embedding"
	"github.com/holdfast/holdfast/embedding/builtin"
	"github.com/holdfast/holdfast/embedding/openai"
	"github.com/holdfast/holdfast/fault"
)

// modelConfig declares an embedding model. Secrets come from the variable
// that key_env names or the file that key_file names, never from here.
type modelConfig struct {
	Name          string        `koanf:"name" yaml:"name"`
	Provider      string        `koanf:"provider" yaml:"provider"`
	URL           string        `koanf:"url" yaml:"url"`
	Model         string        `koanf:"model" yaml:"model"`
	Revision      string        `koanf:"revision" yaml:"revision"`
	Dimensions    int           `koanf:"dimensions" yaml:"dimensions"`
	MaxTokens     int           `koanf:"max_tokens" yaml:"max_tokens"`
	KeyEnv        string        `koanf:"key_env" yaml:"key_env"`
	KeyFile       string        `koanf:"key_file" yaml:"key_file"`
	QueryPrefix   string        `koanf:"query_prefix" yaml:"query_prefix"`
	PassagePrefix string        `koanf:"passage_prefix" yaml:"passage_prefix"`
	Timeout       time.Duration `koanf:"timeout" yaml:"timeout"`

	Price  float64      `koanf:"price_per_million_tokens" yaml:"price_per_million_tokens"`
	Limits limitsConfig `koanf:"limits" yaml:"limits"`
	Budget budgetConfig `koanf:"budget" yaml:"budget"`
}

// limitsConfig is what a provider takes.
type limitsConfig struct {
	RequestsPerMinute int `koanf:"requests_per_minute" yaml:"requests_per_minute"`
	TokensPerMinute   int `koanf:"tokens_per_minute" yaml:"tokens_per_minute"`
	InputsPerRequest  int `koanf:"inputs_per_request" yaml:"inputs_per_request"`
	TokensPerRequest  int `koanf:"tokens_per_request" yaml:"tokens_per_request"`
}

// budgetConfig caps what models may cost.
type budgetConfig struct {
	PerDay   float64 `koanf:"per_day" yaml:"per_day"`
	PerMonth float64 `koanf:"per_month" yaml:"per_month"`
}

// canaryConfig is how often models are compared with what they were.
type canaryConfig struct {
	Every time.Duration `koanf:"every" yaml:"every"`
}

// modelSettings reads how models are called.
func (c *cli) modelSettings() (holdfast.ModelSettings, error) {
	out := holdfast.ModelSettings{Terms: map[string]embedding.Terms{}, Budget: c.config.Budget.budget(), CanaryEvery: c.config.Canary.Every}
	if err := c.config.Budget.check("budget"); err != nil {
		return out, err
	}
	if every := c.config.Canary.Every; every < 0 || every > 0 && every < time.Minute {
		return out, fault.Field("canary.every", "must be at least 1m, such as 24h; without it there is no schedule")
	}
	for i, m := range c.config.Models {
		at := fmt.Sprintf("models[%d]", i)
		if m.Price < 0 {
			return out, fault.Field(at+".price_per_million_tokens", "cannot be negative")
		}
		if l := m.Limits; min(l.RequestsPerMinute, l.TokensPerMinute, l.InputsPerRequest, l.TokensPerRequest) < 0 {
			return out, fault.Field(at+".limits", "cannot be negative; leave out what has no limit")
		}
		if err := m.Budget.check(at + ".budget"); err != nil {
			return out, err
		}
		out.Terms[m.Name] = embedding.Terms{
			Price: m.Price, Budget: m.Budget.budget(), Canary: true,
			Limits: embedding.Limits{
				RequestsPerMinute: m.Limits.RequestsPerMinute, TokensPerMinute: m.Limits.TokensPerMinute,
				InputsPerRequest: m.Limits.inputs(), TokensPerRequest: m.Limits.tokens(),
			},
		}
	}
	return out, nil
}

// One request holds no more than this, unless limits say otherwise: well
// below what OpenAI takes (2,048 texts, 300,000 tokens), so that an answer
// comes in time and a fault repeats little.
const (
	defaultInputs = 256
	defaultTokens = 250_000
)

func (l limitsConfig) inputs() int { return defaultTo(l.InputsPerRequest, defaultInputs) }
func (l limitsConfig) tokens() int { return defaultTo(l.TokensPerRequest, defaultTokens) }

func defaultTo(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

func (b budgetConfig) budget() embedding.Budget {
	return embedding.Budget{PerDay: b.PerDay, PerMonth: b.PerMonth}
}

func (b budgetConfig) check(at string) error {
	if b.PerDay < 0 || b.PerMonth < 0 {
		return fault.Field(at, "cannot be negative; leave out what has no cap")
	}
	return nil
}

// embedders makes the models that declarations may name.
func (c *cli) embedders() (map[string]embedding.Embedder, error) {
	own, err := builtin.New()
	if err != nil {
		return nil, fmt.Errorf("load built-in model: %w", err)
	}
	out := map[string]embedding.Embedder{"builtin": own}
	for i, m := range c.config.Models {
		at := fmt.Sprintf("models[%d]", i)
		switch {
		case m.Name == "":
			return nil, fault.Field(at+".name", "is missing")
		case out[m.Name] != nil:
			return nil, fault.Field(at+".name", "%q is taken", m.Name)
		case m.Provider != "openai":
			return nil, fault.Field(at+".provider", "%q is not a provider; use openai for any OpenAI-compatible endpoint", m.Provider)
		}
		key, from, err := m.key()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		e, err := openai.New(openai.Config{
			Name: m.Name, URL: m.URL, Model: m.Model, Revision: m.Revision, Dimensions: m.Dimensions, MaxTokens: m.MaxTokens,
			Key: openai.Key(key), KeyName: from, QueryPrefix: m.QueryPrefix, PassagePrefix: m.PassagePrefix, Timeout: m.Timeout,
			MaxBatch: m.Limits.inputs(), MaxBatchTokens: m.Limits.tokens(),
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		out[m.Name] = e
	}
	return out, nil
}

func (m modelConfig) key() (key, from string, err error) {
	switch {
	case m.KeyEnv != "":
		if key = os.Getenv(m.KeyEnv); key == "" {
			return "", "", fault.Field("key_env", "the variable %s is not set", m.KeyEnv)
		}
		return key, m.KeyEnv, nil
	case m.KeyFile != "":
		text, err := os.ReadFile(m.KeyFile)
		if err != nil {
			return "", "", fault.New(fault.Invalid, "key_file: %w", err)
		}
		return strings.TrimSpace(string(text)), m.KeyFile, nil
	}
	return "", "", nil
}
