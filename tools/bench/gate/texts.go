package main

type sample struct{ name, unit string }

// ordinary texts hold more values than most texts do.
var ordinary = []sample{
	{"prose", `The quarterly review went well. Margaret asked whether the deployment could wait until Monday, because
the migration had taken longer than planned. Please write to Jane at jane.doe@example.com or call +1 (415) 555-0132 if the
customer at 12 Baker Street, Springfield, IL 62704 has not answered by then. The invoice 2024-118 for 1,200.50 EUR was paid
on 3 May 2024 from DE89 3704 0044 0532 0130 00, and the remaining twenty units will ship in the second week of June.
Nothing else has changed since the last version; the team is confident that the numbers hold for the rest of the year.
`},
	{"report", `The committee met in the small hall and went through the plan for the coming year. Most members thought that the
budget was sound, although the costs of heating had grown faster than anyone had foreseen. It was agreed that the roof be
repaired before the winter, that the library stay open on Saturdays, and that a second offer be asked for from the builders.
Anna Lindqvist will write to them. The chair, Mr Okafor, closed the meeting at nine; the next one is to take place in Leeds.
`},
	{"german", `Die Lieferung traf am Dienstag ein und wurde noch am selben Tag geprüft. Für Rückfragen erreichen Sie Frau Weber
unter weber@example.com oder 030 901820 in der Kastanienallee 12, 10435 Berlin. Die Bestellung umfasst zwölf Geräte mit einer
Laufzeit von drei Jahren, und über die Verlängerung möchten wir im nächsten Gespräch entscheiden; größere Änderungen gibt es nicht.
`},
	{"logs", `2026-05-04T10:20:30.123Z INFO request id=9f8e7d6c user=jane@example.com ip=203.0.113.42 path=/v1/search?q=ab ms=12
2026-05-04T10:20:30.127Z WARN retry attempt=3 host=10.0.3.17:8443 lag=1532 commit=9ac6ef6d0c2b4e7f8a1b2c3d4e5f60718293a4b5
`},
	{"dense", `jane@example.com,+1 415-555-0132,4111 1111 1111 1111,DE89 3704 0044 0532 0130 00,078-05-1120,192.168.1.20
`},
}

// hostile texts start some detector again and again.
var hostile = []sample{
	{"dots", "."},
	{"digits", "7"},
	{"at-signs", "@"},
	{"nested tags", "<a><b><c>"},
	{"open tags", "<div "},
	{"base64 run", "QUJDRDEyMzQ1Njc4OTBhYmNkZWY"},
	{"base64 words", "aGVsbG8gd29ybGQgMTIzNDU2Nzg5MA== "},
	{"long word", "abcdefgh"},
	{"long capitals", "ABCDEFGH"},
	{"a@", "a@"},
	{"a.", "a."},
	{"a.b@c.", "a.b@c."},
	{"at dot", "a at b dot c "},
	{"brackets", "([{<"},
	{"colons", ":"},
	{"hex and colons", "a:1:"},
	{"single digits", "1 "},
	{"pairs of digits", "12 34 "},
	{"dashed digits", "12-"},
	{"telephone numbers", "020 7946 0958 "},
	{"plus signs", "+1"},
	{"cards", "4111 "},
	{"identity numbers", "123456789 "},
	{"assignments", "key="},
	{"passwords", "password "},
	{"private keys", "-----BEGIN PRIVATE KEY-----"},
	{"dashes", "-"},
	{"schemes", "ab://"},
	{"web tokens", "eyJa_"},
	{"token prefixes", "glpat-"},
	{"streets", "12 A B C Street "},
	{"postcodes", "A1 1AA "},
	{"months", "12 May "},
	{"births", "born 1.2.03 "},
	{"rows", "password,x\n"},
	{"cells", "1,2,3,4,5,6,7,8,9\n"},
	{"accents", "é"},
	{"zero width", "\u200b"},
	{"entities", "&#6"},
	{"percent", "%4"},
	{"invalid UTF-8", "\xff\xfe"},
	{"zero bytes", "\x00"},
	{"names", "Anna Berg "},
	{"initials", "A. B. "},
	{"greetings", "Hi Anna,\n"},
	{"speakers", "Anna: hi\n"},
	{"apostrophes", "O'"},
	{"spelt digits", "one two three "},
}
