package main

import (
	"fmt"
	"time"

	"github.com/holdfast/holdfast/gate"
	"github.com/holdfast/holdfast/gate/remote"
)

// recognizerConfig declares a service that the gate asks beside its own
// detectors. The service is sent raw text.
type recognizerConfig struct {
	Name      string            `koanf:"name" yaml:"name"`
	Kind      string            `koanf:"kind" yaml:"kind"` // presidio, gliner, chat
	URL       string            `koanf:"url" yaml:"url"`
	Model     string            `koanf:"model" yaml:"model"`
	Labels    map[string]string `koanf:"labels" yaml:"labels"`
	Language  string            `koanf:"language" yaml:"language"`
	Score     float32           `koanf:"score" yaml:"score"`
	KeyEnv    string            `koanf:"key_env" yaml:"key_env"`
	KeyFile   string            `koanf:"key_file" yaml:"key_file"`
	Timeout   time.Duration     `koanf:"timeout" yaml:"timeout"`
	OnFailure string            `koanf:"on_failure" yaml:"on_failure"` // hold-back, continue
}

// recognisers builds those that the configuration declares.
func (c *cli) recognisers() ([]gate.Recogniser, error) {
	var out []gate.Recogniser
	for i, r := range c.config.Recognizers {
		at := fmt.Sprintf("recognizers[%d]", i)
		key, _, err := modelConfig{KeyEnv: r.KeyEnv, KeyFile: r.KeyFile}.key()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		labels := make(map[string]gate.Entity, len(r.Labels))
		for label, entity := range r.Labels {
			labels[label] = gate.Entity(entity)
		}
		made, err := remote.New(remote.Config{
			Name: r.Name, Kind: remote.Kind(r.Kind), URL: r.URL, Key: key, Model: r.Model, Labels: labels, Language: r.Language,
			Score: r.Score, Timeout: r.Timeout, OnFailure: remote.Failure(r.OnFailure),
			Failed: func(err error) { c.log.Warn("a recognizer failed", "recognizer", r.Name, "error", err) },
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", at, err)
		}
		out = append(out, made)
	}
	return out, nil
}
