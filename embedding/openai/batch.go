package openai

// longestToken is the length in bytes of the longest token that we know of,
// a run of 128 spaces in OpenAI's cl100k and o200k vocabularies. A text of
// more than that many bytes for each token the model takes cannot fit.
const longestToken = 128

// perText is what a tokenizer may add to a text: marks of begin and end.
const perText = 4

// tokenBound is an upper bound of a text's tokens that needs no tokenizer:
// a token of a byte-level vocabulary stands for at least one byte, and one of
// a WordPiece or Unigram vocabulary for at least one character. (Unigram
// models that normalise by NFKC can exceed it for a few rare ligatures; the
// distance between the default MaxBatchTokens and the provider's limit, and
// halving, allow for them.)
func tokenBound(text string) int { return len(text) + perText }

// batches groups the texts that are to be sent, by position. No batch has
// more than the endpoint's number of texts, nor, unless it is one text, more
// than its number of tokens. Texts that may be too long for the model go
// apart, so that their rejection does not hold up the others.
func (c *call) batches() [][]int {
	var out [][]int
	size := int(c.batch.Load())
	for _, long := range []bool{false, true} {
		var batch []int
		tokens := 0
		for i, t := range c.texts {
			n := tokenBound(t)
			if t == "" || (n > c.cfg.MaxTokens) != long {
				continue
			}
			if len(batch) == size || (len(batch) > 0 && tokens+n > c.cfg.MaxBatchTokens) {
				out = append(out, batch)
				batch, tokens = nil, 0
			}
			batch = append(batch, i)
			tokens += n
		}
		if len(batch) > 0 {
			out = append(out, batch)
		}
	}
	return out
}
