package detect_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestContextCases(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	for i, c := range contextCases {
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

// A header that stands more than 3 KiB above its column says nothing, and so does one of a table that has ended.
func TestHeaderWithinReach(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	row := "Widget,1984-03-12,large\n"
	text := "name,date_of_birth,size\n" + strings.Repeat(row, 200)
	n := len(found(t, s, text))
	if n < 100 || n > 140 {
		t.Errorf("%d birthdays in a table of 200 rows of %d bytes, want those within 3 KiB", n, len(row))
	}
	if got := found(t, s, "name,date_of_birth,size\n"+row+"\nall of it\n\n"+row); len(got) != 1 {
		t.Errorf("got %q, want the one row of the table", got)
	}
}

// contextCases are what only the words around it, a label or a header make personal.
var contextCases = []testCase{
	{"password set", "Temp pw set: «SECRET:walrus-Kettle9», I changed it to «SECRET:Mq7!tulip» today"},
	{"password given", `The clerk gave me "«SECRET:Otter#88kite»" over the phone. She wrote «SECRET:k3ttl3dr4gon5» on the lid`},
	{"password role", "Use «SECRET:Sp0rk!lime» as the temporary password; Sie gab mir «SECRET:W4ld!horn» als Kennwort"},
	{"password like", "Is a password like «SECRET:Maple.otter.31» too weak?"},
	{"password below", "Admin password:\n«SECRET:otter-maple-31»\nRegion:\nnorth"},
	{"password leader", "Device password ..... «SECRET:Quail!maple7»\nColour ..... blue"},
	{"password answer", "Did the new password work?\n10:02 Bo > it was «SECRET:Quail7731#» and it fails"},
	{"password log", "hostapd: passphrase changed to '«SECRET:otterMaple31»' by web"},
	{"password languages 2", "Das Kennwort war «SECRET:Wald!horn7», mot de passe était «SECRET:Poire7!lune», la contraseña es «SECRET:Luna!verde8»"},
	{"wireless", "Wi-Fi key: «SECRET:otterMaple31», WLAN-Schlüssel: «SECRET:otterMaple32», clé du wifi : «SECRET:otterMaple33», clave del wifi: «SECRET:otterMaple34»"},
	{"account slash password", "Root / «SECRET:k3ttl3dr4gon5» stopped working. guest / «SECRET:Quail7731#» too"},
	{"not account", "user / group, root / home, admin / staff, login: see below, guest / visitor, user/42"},
	{"password column", "user,password,role\njane,«SECRET:otterMaple31»,admin\nbo,«SECRET:qu4ilm4ple»,none\n"},
	{"password column tab", "host\tlogin\tpasswd\nweb1\troot\t«SECRET:otterMaple31»\n"},
	{"not password column", "Dear password, hello\nkind regards, Bob\n"},
	{"not password", "the password must be right. Bypass: mobile app, no. The password policy v2.3.4 asks for UTF-8. Le mot de passe est juste."},
	{"not made up", "She wrote report_2024_final.csv, tried nginx-1.25.3 and left at 10:30; we tried ERR_4694 with sha256 and gave web-01 away"},
	{"mode key", "revoke «SECRET:acme_live_9f86d081884c7d659a2f» and keep max_test_size, is_live_now, foo_test_bar"},
	{"key in words", "The API key is «SECRET:a8f5f167f44f4964e6c998dee827110c», please check; commit a8f5f167f44f4964e6c998dee827110c of the API is fine"},
	{"codes", "Your verification code is «SECRET:482913». Backup codes: «SECRET:4821-9931», «SECRET:7712-0042»; error code 4821, zip code pages, status code 404"},
	{"changed to", "I changed it to «SECRET:Banana!Split9» and the one-time code: «SECRET:483 920» came; we changed to Go12PCLnTab"},
	{"headers", "X-Api-Key: «SECRET:9f86d081884c7d659a2feaa0c55ad015»\nAuthorization: Basic «SECRET:amFuZTpodW50ZXIyMTIz»"},
	{"env", "export DB_PASSWORD=«SECRET:otterMaple31»\nclient_secret: «SECRET:9f86d081884c7d659a2f»\n"},

	{"birth abbreviations", "D.o.b.: «DATE_OF_BIRTH:24 July 1975», D.O.B. «DATE_OF_BIRTH:14/01/1959», b. «DATE_OF_BIRTH:12/03/1984», (* «DATE_OF_BIRTH:12.03.1984»)"},
	{"birth short year", "My date of birth is «DATE_OF_BIRTH:17 Dec 74». Born «DATE_OF_BIRTH:7 Mar '55»"},
	{"birth romance", "Née le «DATE_OF_BIRTH:28.07.1946», NÉ LE «DATE_OF_BIRTH:28.07.1946», né(e) le : «DATE_OF_BIRTH:5 août 1998», F. nac.: «DATE_OF_BIRTH:04/11/1968», nato il «DATE_OF_BIRTH:4 maggio 1971»"},
	{"birth below", "Birth date:\n«DATE_OF_BIRTH:1981-06-26»\nSince when:\n11/02/2026"},
	{"birth beside another", "Born on: «DATE_OF_BIRTH:August 5, 1944»\nNoticed on: 2025-05-10"},
	{"birth once", "I was born on «DATE_OF_BIRTH:15 Dec 1971». The letter came 2025-03-04."},
	{"birth asked", "What is your date of birth?\n16:32 Bo > «DATE_OF_BIRTH:12 Feb 05», thanks"},
	{"birthday", "She turned «AGE:40» on «DATE_OF_BIRTH:3 May 2024»; it turned cold on 3 May 2024"},
	{"birth column", "name;born;since\nA;«DATE_OF_BIRTH:7. März 1961»;2019-02-03\nB;«DATE_OF_BIRTH:1944-01-04»;2020-02-03\n"},
	{"birth markdown", "| name | date of birth | joined |\n|---|---|---|\n| A | «DATE_OF_BIRTH:16 Jun 79» | 2020-01-02 |\n"},
	{"not birth", "delivered 12 Mar 24 units, 3 May 10:20, paid 12 Mar 85 for it, version 1.2.03, a birthday present, due 01.09.2025"},

	{"address from its postcode", "sent to «LOCATION:216 Kingsway, York, YO56 5YJ», «LOCATION:27 Quay Road, Limerick, V94 50C5» and «LOCATION:9 Orchard View, Leeds LS1 4AP»"},
	{"address unit", "at «LOCATION:36/22 Collins Parade, Cairns QLD 4859», «LOCATION:130 Copper Canyon Trl, Apt 15, Madison, WI 53724»; «LOCATION:168 Oak Ln #3, Savannah GA 31444»"},
	{"address lines", "Jane\n«LOCATION:12 Baker Street\nLondon\nNW1 6XE»\n"},
	{"address town", "I live at «LOCATION:66 Patrick Street, Cork», ring twice"},
	{"address district", "«LOCATION:18 O'Connell Street, Dublin 1», «LOCATION:Bahnhofstr. 12 b\nCH-8001 Zürich»"},
	{"address nordic", "vi bor på «LOCATION:Kungsgatan 205 B, 110 71 Stockholm»."},
	{"address polish", "do «LOCATION:ul. Długa 32/18, 90-968 Łódź», «LOCATION:os. Słoneczne 208/2, 80-269 Gdańsk»"},
	{"address swiss belgian", "«LOCATION:Rue du Lac 153, 6077 Luzern»; «LOCATION:place Saint-Lambert 64 bte 6, 2000 Antwerpen»"},
	{"address german names", "wohnhaft: «LOCATION:Hinter den Höfen 90, D-34147 Kassel» und «LOCATION:Straße des 17. Juni 135, 10623 Berlin»"},
	{"address spanish floor", "vive en «LOCATION:Calle del Pozo, 90, 19º izq., 30087 Murcia»; «LOCATION:Calle Mayor 5, 2º B, 28013 Madrid»"},
	{"address italian", "in «LOCATION:Via Roma, 165 - 80190 Napoli»"},
	{"address brazilian", "«LOCATION:Rua das Flores, 75, apto 3, Recife - CEP 50514-639»"},
	{"address indian", "to «LOCATION:#167, Jubilee Colony, Bengaluru 560089» or «LOCATION:Flat 19, 58 Park Street, Kochi - 682035»"},
	{"address french small", "parti au «LOCATION:163 bis cours gambetta, 33000 bordeaux»"},
	{"not address", "Windows Server 2012, 2016 Standard; RSA 2048, RSA 3072; chapter 5, 10000 Romans; March 5, 20000 People; rate 2 allocs/op 586797; 12 items, 500 Euro; in 2019, 1200 Users joined"},

	{"phone column", "name,phone,order\nA,«PHONE_NUMBER:01144960594»,6025550169\n"},
	{"phone pair", "Phones: «PHONE_NUMBER:+48 22 123 45 25» / «PHONE_NUMBER:501 462 028»"},
	{"phone signature", "Kind regards\nJane Example\n«PHONE_NUMBER:06 1234 5241»\n"},
	{"phone signature marks", "Example Ltd · Cork · «PHONE_NUMBER:01 900 4004» · «EMAIL_ADDRESS:jane@example.com»"},
	{"phone words", "ring «PHONE_NUMBER:600 386 629», Caller id «PHONE_NUMBER:020 7946 0680», our old number was «PHONE_NUMBER:969 164 734»"},
	{"not phone", "report C/2025/5441 about the phone, order number 6025550169, the number 123 456 789, SN 6149-4881-41, ask for 20 000 000 tickets, test number 4773 9550 4858 4708"},

	{"id column", "employee,born,id\nA,«DATE_OF_BIRTH:1984-03-12»,«CA_SIN:123 456 782»\n"},
	{"not id", "Factura 2025/17587 sin IVA, the old account 897-336, driver came 2025-01-09, order ID number 12345678"},
	{"mail spoken parts", "«EMAIL_ADDRESS:jane(dot)doe(at)example(dot)com», «EMAIL_ADDRESS:jane underscore doe at example dot com», «EMAIL_ADDRESS:jane[.]doe[at]example[.]com»"},
	{"firmware", "firmware 9.3.8.236, From version 7.8.1.120 on, update auf 4.9.8.250; IP «IP_ADDRESS:9.3.8.236»"},
}
