package detect_test

import (
	"strings"
	"testing"

	"github.com/holdfast/holdfast/gate/detect"
)

// ids are identifiers that are valid by their rule and belong to nobody we know: documentation values of the issuers,
// or made up. The text has %s where the value stands. Where check is true the last character is a check character or
// depends on one, so that another one in its place must not be found.
var ids = []struct {
	typ   detect.Type
	text  string
	value string
	check bool
}{
	{detect.UKNHS, "NHS number %s,", "943 476 5919", true},
	{detect.UKNHS, "nhs no. %s", "9434765919", true},
	{detect.UKNINO, "NINO: %s.", "AB123456C", false},
	{detect.UKNINO, "%s", "AB 12 34 56 C", false},
	{detect.ESNIF, "DNI %s", "12345678Z", true},
	{detect.ESNIF, `{"id":"%s"}`, "12345678-Z", true},
	{detect.ESNIE, "NIE %s", "X1234567L", true},
	{detect.ESNIE, "(%s)", "X-1234567-L", true},
	{detect.ITFiscal, "CF %s", "RSSMRA85T10A562S", true},
	{detect.ITFiscal, "codice fiscale rssmra85t10a562s %s", "RSSMRA85T10A562S", true},
	{detect.ITVAT, "P.IVA %s", "12345670017", true},
	{detect.DETaxID, "Steuer-ID: %s", "86095742719", true},
	{detect.DETaxID, "%s", "86 095 742 719", true},
	{detect.DEIDCard, "Personalausweis %s", "T220001293", false},
	{detect.FRNIR, "NIR %s", "1 85 05 78 006 084 91", true},
	{detect.FRNIR, "sécurité sociale : %s", "185057800608491", true},
	{detect.NLBSN, "BSN %s", "111222333", true},
	{detect.BENN, "rijksregister %s", "85.07.30-033.28", true},
	{detect.PTNIF, "NIF %s", "123456789", true},
	{detect.CHAHV, "AHV %s", "756.9217.0769.85", true},
	{detect.CHAHV, "%s", "7569217076985", true},
	{detect.ATSVNR, "SVNR %s", "1237 010180", true},
	{detect.IEPPS, "PPS number %s", "1234567T", true},
	{detect.PLPESEL, "PESEL %s", "44051401359", true},
	{detect.ROCNP, "CNP %s", "1800101221144", true},
	{detect.HROIB, "OIB %s", "69435151530", true},
	{detect.TRTCKN, "TC kimlik %s", "10000000146", true},
	{detect.ILID, "teudat zehut %s", "123456782", true},
	{detect.SEPersonal, "personnummer %s", "811228-9874", true},
	{detect.SEPersonal, "%s", "19811228-9874", true},
	{detect.NOPersonal, "fødselsnummer %s", "01010750160", true},
	{detect.DKCPR, "CPR %s", "070761-4285", false},
	{detect.FIPersonal, "%s", "131052-308T", true},
	{detect.FIPersonal, "hetu %s", "131052A308T", true},
	{detect.USSSN, "SSN %s", "078-05-1120", false},
	{detect.USITIN, "ITIN %s", "912-70-1234", false},
	{detect.CASIN, "SIN %s", "046 454 286", true},
	{detect.BRCPF, "CPF %s", "529.982.247-25", true},
	{detect.BRCPF, "cpf %s", "52998224725", true},
	{detect.BRCNPJ, "%s", "11.222.333/0001-81", true},
	{detect.CLRUT, "RUT %s", "12.345.678-5", true},
	{detect.ARCUIT, "CUIT %s", "20-12345678-6", true},
	{detect.MedicalLicense, "DEA %s", "AB1234563", true},
	{detect.MXCURP, "CURP %s", "HEGG560427MVZRRL04", true},
	{detect.INAadhaar, "Aadhaar %s", "2341 2341 2346", true},
	{detect.INPAN, "PAN %s", "ABCPE1234F", false},
	{detect.AUTFN, "TFN %s", "123 456 782", true},
	{detect.AUMedicare, "Medicare %s", "2123 45670 1", false},
	{detect.AUABN, "ABN %s", "51 824 753 556", true},
	{detect.AUACN, "ACN %s", "004 085 616", true},
	{detect.ZAID, "SA ID %s", "8001015009087", true},
	{detect.SGNRIC, "NRIC %s", "S1234567D", true},
	{detect.KRRRN, "RRN %s", "850101-1234567", false},
	{detect.CNID, "%s", "11010519491231002X", true},
	{detect.THTNIN, "%s", "1-2345-67890-12-1", true},
	{detect.JPMyNumber, "mynumber %s", "1234 5678 9018", true},
	{detect.DEVAT, "VAT %s", "DE136695976", true},
	{detect.EUVAT, "%s", "ATU13585627", true},
	{detect.EUVAT, "TVA %s", "FR40303265045", true},
	{detect.EUVAT, "btw NL %s", "NL123456789B01", false},
	{detect.EUVAT, "VAT %s", "BE0428759497", true},
	{detect.ABARouting, "routing number %s", "021000021", false},
	{detect.BankAccount, "account number %s", "12345678", false},
	{detect.BankAccount, "sort code %s", "12-34-56", false},
	{detect.Passport, "passport no. %s", "AB1234567", false},
	{detect.USPassport, "passport number %s", "123456789", false},
	{detect.USDriver, "driver's license %s", "D1234567", false},
	{detect.DriverLic, "driving licence no. %s", "12AB345678", false},
	{detect.USBank, "checking account number %s", "12345678", false},
	{detect.IdentityCard, "National ID: %s", "123456780", false},
	{detect.IdentityCard, "ID number ..... %s", "123 456 780", false},
	{detect.AUTFN, "Tax file number: %s", "123 456 782", true},
	{detect.DETaxID, "Steueridentifikationsnummer lautet %s", "86095742719", true},
	{detect.IBAN, "%s", "NL91 ABNA 0417 1643 00", true},
	{detect.IBAN, "%s", "MT84MALT011000012345MTLCAST001S", true},
	{detect.CreditCard, "card %s", "3530111333300000", true},
	{detect.CreditCard, "%s", "3056 930902 5904", true},
	{detect.Crypto, "%s", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", true},
	{detect.Crypto, "%s", "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", true},
}

func TestIdentifiers(t *testing.T) {
	t.Parallel()
	s := scanner(t)
	holds := func(text string, typ detect.Type, value string) bool {
		for _, f := range s.Scan(nil, text) {
			if f.Type == typ && f.Score >= minScore && text[f.Start:f.End] == value {
				return true
			}
		}
		return false
	}
	for _, id := range ids {
		t.Run(string(id.typ)+" "+id.value, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(id.text, "%s", id.value, 1)
			if !holds(text, id.typ, id.value) {
				t.Errorf("not found in %q: %+v", text, s.Scan(nil, text))
			}
			if !id.check {
				return
			}
			wrong := nearMiss(id.value)
			text = strings.Replace(id.text, "%s", wrong, 1)
			if holds(text, id.typ, wrong) {
				t.Errorf("found %q, whose check character is wrong", wrong)
			}
		})
	}
}

// nearMiss puts another character of the same kind in place of the last.
func nearMiss(v string) string {
	c := v[len(v)-1]
	switch c {
	case '9':
		c = '0'
	case 'Z', 'z':
		c -= 25
	default:
		c++
	}
	return v[:len(v)-1] + string(c)
}
