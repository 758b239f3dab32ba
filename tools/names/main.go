// Command names trains the tagger of package gate/names and writes its weights.
//
// Usage, from the repository's root:
//
//	go run ./tools/names -data ../shared/data/ner -silver silver.jsonl -out gate/names/weights.bin
//	go run ./tools/names -data ../shared/data/ner -eval
//
// The first trains, the second measures. The same inputs and seed give the same bytes.
// Inputs are the annotated corpora (*.conll), mail labelled by another model (made by
// silver/label.py; without -silver the weights are about a point worse), the lists in
// lexicon/lexicon.tsv.gz (made by lexicon/build.py, committed), and text generated from
// templates. Sentences held out are told by holdOut; training never sees them, except
// that the two parameters which calibrate scores are fitted to them.
package main

import (
	"flag"
	"fmt"
	"log/slog"
	"os"

	"github.com/holdfast/holdfast/gate/names"
	"github.com/holdfast/holdfast/gate/names/crf"
)

func main() {
	data := flag.String("data", "../shared/data/ner", "folder of annotated corpora")
	out := flag.String("out", "gate/names/weights.bin", "weights file")
	evalOnly := flag.Bool("eval", false, "measure the weights, do not train")
	errors := flag.Int("errors", 0, "with -eval: print so many errors of each set")
	recall := flag.Bool("recall", false, "with -eval: find more, as names.Options.Recall does")
	opts := defaults
	flag.IntVar(&opts.Epochs, "epochs", opts.Epochs, "passes over the data")
	flag.Float64Var(&opts.Rate, "rate", opts.Rate, "learning rate")
	flag.Float64Var(&opts.L2, "l2", opts.L2, "L2 penalty")
	flag.Float64Var(&opts.Dropout, "dropout", opts.Dropout, "share of features left out")
	flag.IntVar(&opts.MinCount, "mincount", opts.MinCount, "least count of a feature")
	flag.IntVar(&opts.Features, "features", opts.Features, "most features kept")
	flag.StringVar(&opts.Silver, "silver", opts.Silver, "text labelled by silver/label.py")
	flag.IntVar(&opts.Synthetic, "synthetic", opts.Synthetic, "generated texts")
	flag.IntVar(&opts.SilverTexts, "silvertexts", opts.SilverTexts, "most paragraphs of -silver used")
	flag.Parse()
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	if err := run(log, *data, *out, *evalOnly, *recall, *errors, opts); err != nil {
		log.Error("names", "error", err)
		os.Exit(1)
	}
}

func run(log *slog.Logger, data, out string, evalOnly, recall bool, errors int, opts trainOptions) error {
	corpora, err := readCorpora(data)
	if err != nil {
		return err
	}
	lexicon, facts, pools, err := readLexicon()
	if err != nil {
		return fmt.Errorf("read lexicon: %w", err)
	}
	sets := testSets(corpora, pools)
	if evalOnly {
		encoded, err := os.ReadFile(out) //nolint:gosec // G304: the path is the operator's
		if err != nil {
			return err
		}
		tagger, err := names.New(encoded)
		if err != nil {
			return err
		}
		return report(os.Stdout, product(tagger, recall), sets, errors)
	}
	t := trainer{opts: opts, lexicon: lexicon, log: log}
	var silver []Example
	if opts.Silver != "" {
		if silver, err = readSilver(opts.Silver, facts); err != nil {
			return err
		}
	}
	t.train(trainingSet(corpora, silver, pools, opts))
	model, dropped := crf.New(t.params())
	calibration := calibrate(model, sets)
	model = model.Calibrated(calibration)
	log.Info("model", "dropped", dropped, "calibration", calibration)
	encoded := model.Encode()
	if err := os.WriteFile(out, encoded, 0o644); err != nil { //nolint:gosec // G306: the file is public
		return err
	}
	tagger, err := names.New(encoded)
	if err != nil {
		return err
	}
	return report(os.Stdout, product(tagger, recall), sets, errors)
}
