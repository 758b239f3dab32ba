package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/knadh/koanf/parsers/yaml"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/providers/file"
	"github.com/knadh/koanf/providers/posflag"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/cobra"
	yamlv3 "go.yaml.in/yaml/v3"

	"github.com/holdfast/holdfast/fault"
	"github.com/holdfast/holdfast/gate"
)

// config is holdfast.yaml, overridden by HOLDFAST_* variables (HOLDFAST_DATA,
// HOLDFAST_LISTEN, HOLDFAST_LOG_LEVEL, …) and then flags.
type config struct {
	Data string `koanf:"data" yaml:"data"`
	// With a database, the records are in PostgreSQL and many processes may run.
	Database databaseConfig `koanf:"database" yaml:"database"`
	Bucket   string         `koanf:"bucket" yaml:"bucket"`     // where embeddings go; default: a folder of the data folder
	KeyFile  string         `koanf:"key_file" yaml:"key_file"` // the gate's key; default: key in the data folder
	Index    string         `koanf:"index" yaml:"index"`       // the kind of index; default local
	Listen   string         `koanf:"listen" yaml:"listen"`
	Tenant   string         `koanf:"tenant" yaml:"tenant"`
	Log      logConfig      `koanf:"log" yaml:"log"`
	Models   []modelConfig  `koanf:"models" yaml:"models"`
	Policies []gate.Policy  `koanf:"-" yaml:"policies"`
	// PolicyFiles hold more policies, one in each YAML document.
	PolicyFiles []string    `koanf:"policy_files" yaml:"policy_files"`
	Vault       vaultConfig `koanf:"vault" yaml:"vault"`
	// Budget is for all models together.
	Budget budgetConfig `koanf:"budget" yaml:"budget"`
	Canary canaryConfig `koanf:"canary" yaml:"canary"`
	// Retention is how long what is no longer in use is kept.
	Retention retentionConfig `koanf:"retention" yaml:"retention"`
	// Reconcile is when indexes are compared with the records.
	Reconcile reconcileConfig `koanf:"reconcile" yaml:"reconcile"`
	// Recognizers are services that the gate asks too.
	Recognizers []recognizerConfig `koanf:"recognizers" yaml:"recognizers"`
}

// vaultConfig says how the file of the vault's keys is encrypted: by the
// keeper whose URL the variable or file holds (base64key://…). With neither
// the file's mode protects it.
type vaultConfig struct {
	KeeperEnv  string `koanf:"keeper_env" yaml:"keeper_env"`
	KeeperFile string `koanf:"keeper_file" yaml:"keeper_file"`
}

type logConfig struct {
	Level  string `koanf:"level" yaml:"level"`   // debug, info, warn, error
	Format string `koanf:"format" yaml:"format"` // text, json
}

const defaultConfigFile = "holdfast.yaml"

// configure reads the configuration before any command runs.
func (c *cli) configure(cmd *cobra.Command) error {
	path, err := cmd.Flags().GetString("config")
	if err != nil {
		return usageError{err}
	}
	named := path != ""
	if !named {
		path = defaultConfigFile
	}
	k := koanf.New(".")
	switch strictErr := c.readStrict(path); {
	case errors.Is(strictErr, fs.ErrNotExist) && !named:
	case strictErr != nil:
		return strictErr
	default:
		if err := k.Load(file.Provider(path), yaml.Parser()); err != nil {
			return fault.New(fault.Invalid, "%s: %w", path, err)
		}
	}
	variables := env.Provider(".", env.Opt{Prefix: "HOLDFAST_", TransformFunc: func(key, value string) (string, any) {
		key = strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(key, "HOLDFAST_")), "_", ".")
		switch key {
		case "data", "listen", "tenant", "log.level", "log.format", "bucket", "index":
			return key, value
		case "key.file":
			return "key_file", value
		}
		return "", nil // variables that tests and secrets use
	}})
	if err := k.Load(variables, nil); err != nil {
		return fault.New(fault.Invalid, "read HOLDFAST_* variables: %w", err)
	}
	if err := k.Load(posflag.Provider(cmd.Flags(), ".", k), nil); err != nil {
		return fault.New(fault.Invalid, "read flags: %w", err)
	}
	policies := c.config.Policies
	if err := k.Unmarshal("", &c.config); err != nil {
		return fault.New(fault.Invalid, "%s: %w", path, err)
	}
	c.config.Policies = policies
	if err := c.resolvePolicies(filepath.Dir(path)); err != nil {
		return err
	}
	if c.log, err = newLogger(c.errOut, c.config.Log); err != nil {
		return err
	}
	return c.config.complete()
}

// complete fills in what is not set, and refuses parts that do not go together.
func (c *config) complete() error {
	c.Data = cmp.Or(c.Data, "./holdfast-data")
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:7420")
	c.KeyFile = cmp.Or(c.KeyFile, filepath.Join(c.Data, "key"))
	c.Index = cmp.Or(c.Index, localIndex)
	switch {
	case c.Index != localIndex && c.Index != pgvectorIndex:
		return fault.Field("index", "%q is not a kind of index; use %s, or %s with a database", c.Index, localIndex, pgvectorIndex)
	case c.Database.used():
		_, err := c.Database.url()
		return err
	case c.Index == pgvectorIndex:
		return fault.Field("index", "%s needs a database; name one with `database:`", pgvectorIndex)
	}
	return nil
}

// resolvePolicies reads what the configuration's policies name, relative to
// its folder.
func (c *cli) resolvePolicies(dir string) error {
	for i := range c.config.Policies {
		if err := c.config.Policies[i].Resolve(dir); err != nil {
			return fmt.Errorf("policies[%d]: %w", i, err)
		}
	}
	for _, name := range c.config.PolicyFiles {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		more, err := readPolicies(name)
		if err != nil {
			return err
		}
		c.config.Policies = append(c.config.Policies, more...)
	}
	seen := map[string]bool{}
	for _, p := range c.config.Policies {
		if seen[p.Name] {
			return fault.Field("policies", "there are two policies %q", p.Name)
		}
		seen[p.Name] = true
	}
	return nil
}

// readPolicies reads a file of policies.
func readPolicies(path string) ([]gate.Policy, error) {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return nil, fault.New(fault.NotFound, "read policy: %w", err)
	}
	all, err := gate.ParsePolicies(data, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return all, nil
}

// readStrict decodes the file as it must be: an unknown key is an error that
// names its line.
func (c *cli) readStrict(path string) error {
	data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return fault.New(fault.NotFound, "read configuration: %w", err)
	}
	dec := yamlv3.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&c.config); err != nil && !errors.Is(err, io.EOF) {
		text := strings.ReplaceAll(strings.TrimPrefix(err.Error(), "yaml: "), "type main.config", "the configuration")
		return fault.New(fault.Invalid, "%s: %s", path, text)
	}
	return nil
}

func newLogger(w io.Writer, cfg logConfig) (*slog.Logger, error) {
	var level slog.Level
	if cfg.Level == "" {
		cfg.Level = "warn"
	}
	if err := level.UnmarshalText([]byte(cfg.Level)); err != nil {
		return nil, fault.Field("log.level", "%q is not a level; use debug, info, warn or error", cfg.Level)
	}
	options := &slog.HandlerOptions{Level: level}
	switch cfg.Format {
	case "", "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fault.Field("log.format", "%q is not a format; use text or json", cfg.Format)
}
