package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate/detect"
)

// prose is ordinary business text with a value in every few sentences.
const prose = `Dear Ms Example, thank you for your message about the delayed delivery. We have checked with the warehouse and
the parcel left our hub in the early hours of Tuesday; the carrier expects to hand it over by the end of the week. If it
does not arrive in time, please reply to this message or write to support@example.com and we will send a replacement at
no cost. The invoice shows a total of 1,249.50 including tax, of which 200 was refunded to the card that you used when
you placed the order. Our colleague called you on +44 20 7946 0018 and left a voicemail with the details. The contract
runs until March 2027 and renews each year unless one of the parties gives notice three months before its end. As agreed
in the last meeting, the team will prepare a short report about the incident, its cause and the steps that keep it from
happening again, and share it with everyone who was affected. Kind regards, the customer care team
`

const german = `Sehr geehrte Frau Beispiel, vielen Dank für Ihre Nachricht über die verspätete Lieferung. Wir haben das Lager
gefragt: Die Sendung hat unser Haus am frühen Dienstagmorgen verlassen und wird voraussichtlich bis zum Ende der Woche
zugestellt. Sollte sie nicht rechtzeitig ankommen, schreiben Sie bitte an hilfe@example.de, und wir schicken Ihnen
kostenlos Ersatz. Unsere Kollegin hat Sie gestern unter 030 901820 angerufen und eine Nachricht hinterlassen. Der Vertrag
läuft bis März 2027 und verlängert sich jährlich, wenn er nicht drei Monate vor seinem Ende gekündigt wird.
`

const logs = `2026-05-04T10:20:30.123Z INFO request served method=GET path=/v1/items/8812 status=200 bytes=5123 duration_ms=12.5 trace=4bf92f3577b34da6a3ce929d0e0e4736
2026-05-04T10:20:30.125Z WARN retry attempt=3 queue=index worker=10.0.3.17:8443 lag=1532 commit=9ac6ef6d0c2b4e7f8a1b2c3d4e5f60718293a4b5
2026-05-04T10:20:30.131Z INFO job done id=550e8400-e29b-41d4-a716-446655440000 version=1.24.3 epoch=1767225600 rows=100000
`

const dense = `jane@example.com,+1 415-555-0132,4111 1111 1111 1111,DE89 3704 0044 0532 0130 00,078-05-1120,192.168.1.20
bob@example.org,(415) 555-0175,5500 0000 0000 0004,GB29 NWBK 6016 1331 9268 19,219-09-9999,2001:db8::17
`

func repeat(s string, size int) string { return strings.Repeat(s, size/len(s)+1)[:size] }

func scanner(tb testing.TB) *detect.Scanner {
	tb.Helper()
	s, err := detect.New(detect.Options{})
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

func BenchmarkScan(b *testing.B) {
	s := scanner(b)
	for _, c := range []struct{ name, unit string }{
		{"prose", prose},
		{"german", german},
		{"logs", logs},
		{"dense", dense},
	} {
		text := repeat(c.unit, 256<<10)
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var dst []detect.Finding
			for b.Loop() {
				dst = s.Scan(dst[:0], text)
			}
			b.ReportMetric(float64(len(dst))/float64(len(text))*1e6, "findings/MB")
		})
	}
	for _, n := range []int{256, 4 << 10} {
		text := repeat(prose, n)
		b.Run(fmt.Sprintf("prose-%d", n), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			var dst []detect.Finding
			for b.Loop() {
				dst = s.Scan(dst[:0], text)
			}
		})
	}
}

// adversarial are texts made of what starts a detector again and again.
var adversarial = map[string]string{
	"dots": ".", "digits": "7", "at-signs": "@", "a@": "a@", "a.": "a.", "brackets": "([{<", "colons": ":", "hex-colons": "a:1:",
	"singles": "1 ", "pairs": "12 34 ", "dashed": "12-", "plus": "+1", "plus-paren": "+(1", "equals": "key=", "passwords": "password ",
	"password-is": "password is ", "pem": "-----BEGIN PRIVATE KEY-----", "dashes": "-", "schemes": "ab://", "jwt": "eyJa_", "token": "glpat-",
	"base58": "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN ", "at-words": " at", "at-dot": "a at b dot c ", "street": "5 St ", "streets": "12 A B C Street ",
	"rue": "5 rue de la ", "calle": "Calle ", "months": "12 May ", "phones": "020 ", "us-phones": "415-555-0132 ", "zero-width": "\u200b", "fold": "é", "entity": "&#6",
	"percent": "%4", "invalid": "\xff\xfe", "nul": "\x00", "iban": "DE89 ", "ssn": "078-05-1120 ", "cards": "4111 ", "letters": "a", "upper-hex": "A1",
	"slashes": "://", "quotes": "\"=", "newline-digits": "1\n", "tilde": "1Q~", "tel": "tel 12345678 ", "backslash": "\\u00", "cyrillic": "о", "parens": "(1)",
	"password-rows": "password,x\n", "two-tables": "password,x\nab;c\n", "rows": "a,1\n", "cells": "1,2,3,4,5,6,7,8,9\n", "header-rows": "phone,born\n1,2\n",
	"leaders": "password ..... ", "given": "gave p3bbl3s ", "roots": "root / ", "codes": "verification code 1234,", "as-password": "x1!abc as a password ",
	"continental": "Weg 1, 75002 Paris, ", "uk-codes": "A1 1AA ", "states": "A, QLD 4000 ", "born": "born 1.2.03 ", "signed": "regards\n020 ",
	"ids": "123456789 ", "context": "ssn phone card iban 123456789 ",
}

func BenchmarkAdversarial(b *testing.B) {
	s := scanner(b)
	for name, unit := range adversarial {
		text := repeat(unit, 128<<10)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			var dst []detect.Finding
			for b.Loop() {
				dst = s.Scan(dst[:0], text)
			}
		})
	}
}
