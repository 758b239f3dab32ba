package detect_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate/detect"
)

// minScore is what counts as found: below it a finding has the shape and nothing more.
const minScore = 0.4

// found lists the findings in text that reach minScore as "TYPE:value".
func found(tb testing.TB, s *detect.Scanner, text string) []string {
	tb.Helper()
	var out []string
	for _, f := range s.Scan(nil, text) {
		if f.Score >= minScore && f.Type != detect.URL {
			out = append(out, string(f.Type)+":"+text[f.Start:f.End])
		}
	}
	return out
}

// testCase is a text with its values marked by «TYPE:value»; what is not marked must not be found.
type testCase struct{ name, text string }

// marked splits a case into the plain text and the expected findings.
func (c testCase) marked() (text string, want []string) {
	rest := c.text
	for {
		before, after, ok := strings.Cut(rest, "«")
		text += before
		if !ok {
			return text, want
		}
		inner, tail, ok := strings.Cut(after, "»")
		if !ok {
			panic("case without closing mark: " + c.name)
		}
		_, value, _ := strings.Cut(inner, ":")
		text += value
		want = append(want, inner)
		rest = tail
	}
}

func TestCases(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for i, c := range cases {
		t.Run(fmt.Sprintf("%03d %s", i, c.name), func(t *testing.T) {
			t.Parallel()
			text, want := c.marked()
			got := found(t, s, text)
			if strings.Join(got, "\n") != strings.Join(want, "\n") {
				t.Errorf("in %q\n got %q\nwant %q", text, got, want)
			}
		})
	}
}

var cases = []testCase{
	{"mail", "Mail «EMAIL_ADDRESS:jane.doe@example.com», or «EMAIL_ADDRESS:bob+x@mail.example.org»."},
	{"mail glued", `<a href="mailto:«EMAIL_ADDRESS:jane@example.com»">x</a>,{"to":"«EMAIL_ADDRESS:b_c@example.net»"}`},
	{"mail list", "«EMAIL_ADDRESS:a1@example.com»,«EMAIL_ADDRESS:b2@example.com» «EMAIL_ADDRESS:C3@EXAMPLE.COM»;«EMAIL_ADDRESS:d4@example.com»"},
	{"mail sentence", "It is «EMAIL_ADDRESS:jane@example.com».Then call."},
	{"mail brackets", "«EMAIL_ADDRESS:jane (at) example dot com» «EMAIL_ADDRESS:jane[at]example[.]com» «EMAIL_ADDRESS:jane {at} example {dot} com»"},
	{"mail capitals", "«EMAIL_ADDRESS:jane AT example DOT com» or «EMAIL_ADDRESS:jane AT example.com»"},
	{"mail spoken", "email me: «EMAIL_ADDRESS:jane at example.com» ok"},
	{"mail dotted", "«EMAIL_ADDRESS:jane dot doe at example dot com»"},
	{"mail full width", "«EMAIL_ADDRESS:ｊａｎｅ＠example．com»"},
	{"mail zero width", "«EMAIL_ADDRESS:ja\u200bne@exam\u200bple.com»"},
	{"mail entities", "«EMAIL_ADDRESS:jane&#64;example.com» «EMAIL_ADDRESS:jane&commat;example&period;com» «EMAIL_ADDRESS:jane%40example.com»"},
	{"mail homoglyphs", "«EMAIL_ADDRESS:j\u0430ne@ex\u0430mple.com»"},
	{"mail json escape", `{"a":"x\n«EMAIL_ADDRESS:jane\u0040example.com»"}`},
	{"mail glued to Chinese", "请联系«EMAIL_ADDRESS:jane@example.com»谢谢"},
	{"not mail", "only at this point are, initial step at the point of it, icon@2x.png react@18.2.0 git@github.com:foo/bar.git met her at example.com @media user@host look at foo.bar"},

	{"card", "Card «CREDIT_CARD:4111 1111 1111 1111», «CREDIT_CARD:5500-0000-0000-0004»,«CREDIT_CARD:378282246310005» «CREDIT_CARD:6011111111111117»"},
	{"card amex groups", "amex «CREDIT_CARD:3782 822463 10005»"},
	{"card full width", "«CREDIT_CARD:４１１１１１１１１１１１１１１１»"},
	{"card nbsp", "«CREDIT_CARD:4111\u00a01111\u00a01111\u00a01111»"},
	{"card digit by digit", "it is «CREDIT_CARD:4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1» thanks"},
	{"card two lines", "card «CREDIT_CARD:4111 1111\n1111 1111»"},
	{"card adjacent", "«CREDIT_CARD:4111111111111111» «CREDIT_CARD:5555555555554444»"},
	{"card near miss", "Card 4111 1111 1111 1112, 378282246310006"},
	{"card inside number", "94111111111111111 4111111111111111.5 x4111111111111111"},

	{"iban", "«IBAN_CODE:DE89 3704 0044 0532 0130 00», «IBAN_CODE:gb29nwbk60161331926819»"},
	{"iban odd groups", "«IBAN_CODE:DE89-3704-0044-0532-0130-00» «IBAN_CODE:FR14 2004 1010 0505 0001 3M02 606»"},
	{"iban line break", "IBAN: «IBAN_CODE:DE89 3704 0044\n0532 0130 00»"},
	{"iban near miss", "DE89 3704 0044 0532 0130 01 DE88370400440532013000"},

	{"ssn", "«US_SSN:078-05-1120» ssn: «US_SSN:078051120», SSN «US_SSN:219 09 9999»"},
	{"ssn never issued", "SSN 666-12-3456, 000-12-3456, 900-00-1234, 078-00-1120, 078-05-0000"},
	{"ssn shape only", "part 078051120"},
	{"itin", "ITIN «US_ITIN:912-70-1234»"},

	{"ipv4", "from «IP_ADDRESS:192.0.2.44»:8080 and «IP_ADDRESS:198.51.100.7»/24, http://«IP_ADDRESS:203.0.113.9»/x"},
	{"not ipv4", "version 1.2.3.4 v10.0.0.1 1.2.3.4.5 256.1.1.1 Chrome/120.0.6099.71 300.1.2.3 01.02.03.04"},
	{"ipv6", "«IP_ADDRESS:2001:db8::1», [«IP_ADDRESS:2001:db8:0:0:0:0:2:1»]:443"},
	{"not ipv6", "std::vector a::b 10:20:30 dead::beef Foo::Bar 12:34"},
	{"mac", "ether «MAC_ADDRESS:00:00:5e:00:53:01» «MAC_ADDRESS:00-00-5E-00-53-AF»"},
	{"not mac", "00:00:5e:00:53 00:00:5e:00:53:01:02 00-00-5e:00-53-01"},

	{"wallets", "«CRYPTO:1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2» «CRYPTO:bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq» «CRYPTO:0x52908400098527886E0F7030069857D2E4169EE7»"},
	{"wallets near miss", "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN3 bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp"},

	{"phone international", "«PHONE_NUMBER:+1 415-555-0132», «PHONE_NUMBER:+44 20 7946 0018»; «PHONE_NUMBER:+49 (0)30 901820», tel:«PHONE_NUMBER:+14155550132»"},
	{"phone us", "«PHONE_NUMBER:(415) 555-0132» «PHONE_NUMBER:415-555-0132», «PHONE_NUMBER:415.555.0132»"},
	{"phone extension", "call «PHONE_NUMBER:415-555-0132 ext. 12» now"},
	{"phone gb", "«PHONE_NUMBER:020 7946 0018» or «PHONE_NUMBER:07700 900123»"},
	{"phone de", "Tel. «PHONE_NUMBER:030 901820», Telefon: «PHONE_NUMBER:0151 23456789», «PHONE_NUMBER:030/901820»"},
	{"phone fr es", "Tél : «PHONE_NUMBER:06 12 34 56 78», móvil «PHONE_NUMBER:612 345 678»"},
	{"phone plain with context", "call me on «PHONE_NUMBER:4155550132»"},
	{"phone adjacent", "«PHONE_NUMBER:415-555-0132» «PHONE_NUMBER:415-555-0175»,«PHONE_NUMBER:415-555-0199»"},
	{"phone spaced", "Fax : «PHONE_NUMBER:( 212 ) 555 - 0199» Tel : «PHONE_NUMBER:+ 44 20 7946 0018»; x = y + 14155550132"},
	{"phone my number", "my number's «PHONE_NUMBER:07700900456», or call «PHONE_NUMBER:4 1 5 5 5 5 0 1 3 2»"},
	{"not phone", "(3.000.000 km) 1.160.000.000 22 338 618 50 4b 03 04 14 00 00 00 141(5) 314-316 0.043502413 order 4155550132 2024-01-15 10:20 12/03/2024 1700000000 1,234,567.89 10.11.2023 ticket 123456789"},

	{"password", `password: «SECRET:hunter2», pwd=«SECRET:Tr0ub4dor&3»; "password":"«SECRET:a b c 1»"`},
	{"password languages", "Passwort: «SECRET:geheim123» Mot de passe : «SECRET:azerty12» contraseña: «SECRET:abc123»"},
	{"password sentence", "my password is «SECRET:hunter2!» and das Passwort lautet «SECRET:geheim99»"},
	{"password for", "the password for jane is «SECRET:hunter2», PIN: «SECRET:4711», CVV «SECRET:123», curl -u «SECRET:admin:hunter2» x"},
	{"password forms", "password - «SECRET:hunter2», password (temporary): «SECRET:Xk29!dd» and my pass is «SECRET:Kitty88!»"},
	{"not password", "PWD=/tmp pw: arm.C_WBIT, password uint16, the password is required; password: string, password := os.Getenv(\"X\"), password=${PW}, forgot password? pass 12 tests"},
	{"url credentials", "postgres://«SECRET:admin:s3cr3t»@db.example.com:5432/app https://example.com/?token=«SECRET:abcdefgh12345678ijkl»&x=1"},
	{"generic key", `api_key = "«SECRET:a8f5f167f44f4964e6c998dee827110c»" Authorization: Bearer «SECRET:abcdef0123456789abcdef»`},
	{"not a key", "PublicKey: test2048Key.PublicKey, Key=int32/Elem=int32, PrivateKey = testRSA2048PrivateKey, token: the next one; key=value; monkey: banana; commit=9ac6ef6d0c2b4e7f8a1b2c3d4e5f60718293a4b5"},
	{"pem", "x «SECRET:-----BEGIN RSA PRIVATE KEY-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Q\n-----END RSA PRIVATE KEY-----» y"},
	{"pem public", "-----BEGIN CERTIFICATE-----\nMIIBOgIBAAJBAKj34GkxFhD90vcNLYLInFEX6Ppy1tPf9Cnzj4p4WGeKLs1Pt8Q\n-----END CERTIFICATE-----"},

	{"birth", "DOB: «DATE_OF_BIRTH:12/03/1985», born on «DATE_OF_BIRTH:12 March 1985»"},
	{"birth languages", "geboren am «DATE_OF_BIRTH:12. März 1985», né le «DATE_OF_BIRTH:12 mars 1985», fecha de nacimiento: «DATE_OF_BIRTH:12 de marzo de 1985»"},
	{"not birth", "due 2024-05-06, paid on 3 May 2024"},

	{"street en", "«LOCATION:12 Baker Street, London NW1 6XE»; «LOCATION:221B Baker St» «LOCATION:1600 Example Avenue NW, Springfield, IL 62704»"},
	{"street flat", "«LOCATION:Flat 2, 10 Elm Road, Leeds LS1 4AP» «LOCATION:10 Elm Road, Apt 4B»"},
	{"street lower", "i live at «LOCATION:12 baker street»"},
	{"street de", "«LOCATION:Hauptstraße 5, 10115 Berlin», «LOCATION:Berliner Str. 12a», «LOCATION:Unter den Linden 77, 10117 Berlin»"},
	{"street br", "«LOCATION:Av. Paulista 1578», «LOCATION:Keizersgracht 123, 1015 CJ Amsterdam»"},
	{"street es floor", "vivo en «LOCATION:C/ Gran Vía 28, 3º B, 28013 Madrid», «LOCATION:P.O. Box 123, Austin, TX 78701»"},
	{"street es fr it", "«LOCATION:Calle Mayor 5, 28013 Madrid»; «LOCATION:12 rue de la Paix, 75002 Paris»; «LOCATION:Via Roma 12, 00184 Roma»"},
	{"not street", "Copyright 2009,2010 The Authors; since January 1, 1970 UTC; In 2019 Wall Street grew; a 4 lane road; 2 way street; 10 people on the street; via port 8080; 5 Dr Smith"},
	{"postcodes", "postcode «UK_POSTCODE:SW1A 1AA», PLZ «DE_PLZ:10115», zip code: «LOCATION:94105-1234»"},
}

func TestPrivateKeyWithoutEnd(t *testing.T) {
	t.Parallel()
	text := "-----BEGIN PRIVATE KEY-----\n" + strings.Repeat("MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n", 3) + "!"
	f := scanner(t).Scan(nil, text)
	if len(f) != 1 || f[0].Rule != "private-key" || f[0].End < len(text)-2 {
		t.Fatalf("got %+v", f)
	}
}
