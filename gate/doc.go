// Package gate finds personal data and transforms it before any text is
// embedded, indexed or sent to a language model.
//
// It is the only maker of [Clean], and the parts that send text out of the
// record store accept nothing else, so going around the gate does not
// compile. Values as their owner wrote them travel as [Raw], which prints
// itself as "[redacted]" wherever it is formatted, logged or encoded.
//
// Clean text has two forms. The display form carries what the policy made of
// each value (a label, a mask, a pseudonym) and serves lexical search and
// language models. The embed form carries the bare type in place of every
// value ("[PERSON]"): neither a value nor a pseudonym is ever embedded, and a
// rotated pseudonym key costs no call to a model.
//
// If detection fails, the text is held back: there is no path on which a
// failure yields Clean text.
package gate
