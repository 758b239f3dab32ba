package detect

import "github.com/holdfast/holdfast/fault"

// The types of findings. Those without a name in Presidio follow its style.
const (
	Email          Type = "EMAIL_ADDRESS"
	Phone          Type = "PHONE_NUMBER"
	CreditCard     Type = "CREDIT_CARD"
	IBAN           Type = "IBAN_CODE"
	IP             Type = "IP_ADDRESS"
	MAC            Type = "MAC_ADDRESS"
	URL            Type = "URL"
	Crypto         Type = "CRYPTO"
	Secret         Type = "SECRET" // keys, tokens and passwords; Rule says which
	DateTime       Type = "DATE_TIME"
	DateOfBirth    Type = "DATE_OF_BIRTH"
	Location       Type = "LOCATION" // street addresses and postcodes
	USSSN          Type = "US_SSN"
	USITIN         Type = "US_ITIN"
	USPassport     Type = "US_PASSPORT"
	USDriver       Type = "US_DRIVER_LICENSE"
	USBank         Type = "US_BANK_NUMBER"
	ABARouting     Type = "ABA_ROUTING_NUMBER"
	UKNHS          Type = "UK_NHS"
	UKNINO         Type = "UK_NINO"
	ESNIF          Type = "ES_NIF"
	ESNIE          Type = "ES_NIE"
	ITFiscal       Type = "IT_FISCAL_CODE"
	ITVAT          Type = "IT_VAT_CODE"
	DETaxID        Type = "DE_TAX_ID"
	DEIDCard       Type = "DE_ID_CARD"
	FRNIR          Type = "FR_NIR"
	NLBSN          Type = "NL_BSN"
	BENN           Type = "BE_NATIONAL_NUMBER"
	PTNIF          Type = "PT_NIF"
	CHAHV          Type = "CH_AHV"
	ATSVNR         Type = "AT_SVNR"
	IEPPS          Type = "IE_PPS"
	SEPersonal     Type = "SE_PERSONNUMMER"
	NOPersonal     Type = "NO_FODSELSNUMMER"
	DKCPR          Type = "DK_CPR"
	FIPersonal     Type = "FI_PERSONAL_IDENTITY_CODE"
	PLPESEL        Type = "PL_PESEL"
	ROCNP          Type = "RO_CNP"
	HROIB          Type = "HR_OIB"
	TRTCKN         Type = "TR_NATIONAL_ID"
	ILID           Type = "IL_ID"
	INAadhaar      Type = "IN_AADHAAR"
	INPAN          Type = "IN_PAN"
	AUTFN          Type = "AU_TFN"
	AUMedicare     Type = "AU_MEDICARE"
	AUABN          Type = "AU_ABN"
	AUACN          Type = "AU_ACN"
	CASIN          Type = "CA_SIN"
	BRCPF          Type = "BR_CPF"
	BRCNPJ         Type = "BR_CNPJ"
	CLRUT          Type = "CL_RUT"
	ARCUIT         Type = "AR_CUIT"
	MedicalLicense Type = "MEDICAL_LICENSE"
	MXCURP         Type = "MX_CURP"
	ZAID           Type = "ZA_ID_NUMBER"
	SGNRIC         Type = "SG_NRIC_FIN"
	KRRRN          Type = "KR_RRN"
	CNID           Type = "CN_RESIDENT_ID"
	THTNIN         Type = "TH_TNIN"
	JPMyNumber     Type = "JP_MY_NUMBER"
	EUVAT          Type = "EU_VAT"
	USNPI          Type = "US_NPI"
	USMBI          Type = "US_MBI"
	USCLIA         Type = "US_CLIA"
	UKDriving      Type = "UK_DRIVING_LICENCE"
	UKPassport     Type = "UK_PASSPORT"
	UKPostcode     Type = "UK_POSTCODE"
	UKVehicle      Type = "UK_VEHICLE_REGISTRATION"
	DETaxNumber    Type = "DE_TAX_NUMBER"
	DEVAT          Type = "DE_VAT_ID"
	DEPension      Type = "DE_SOCIAL_SECURITY"
	DEHealth       Type = "DE_HEALTH_INSURANCE"
	DEDoctor       Type = "DE_LANR"
	DEPractice     Type = "DE_BSNR"
	DEPassport     Type = "DE_PASSPORT"
	DEDriving      Type = "DE_FUEHRERSCHEIN"
	DEVehicle      Type = "DE_KFZ"
	DERegister     Type = "DE_HANDELSREGISTER"
	DEPostcode     Type = "DE_PLZ"
	ESPassport     Type = "ES_PASSPORT"
	ITPassport     Type = "IT_PASSPORT"
	ITIDCard       Type = "IT_IDENTITY_CARD"
	ITDriving      Type = "IT_DRIVER_LICENSE"
	INGSTIN        Type = "IN_GSTIN"
	INVoter        Type = "IN_VOTER"
	INPassport     Type = "IN_PASSPORT"
	INVehicle      Type = "IN_VEHICLE_REGISTRATION"
	KRPassport     Type = "KR_PASSPORT"
	KRBusiness     Type = "KR_BRN"
	KRForeigner    Type = "KR_FRN"
	KRDriving      Type = "KR_DRIVER_LICENSE"
	SEOrg          Type = "SE_ORGANISATIONSNUMMER"
	SGUEN          Type = "SG_UEN"
	TRVehicle      Type = "TR_LICENSE_PLATE"
	NGNIN          Type = "NG_NIN"
	NGVehicle      Type = "NG_VEHICLE_REGISTRATION"
	PHTIN          Type = "PH_TIN"
	PHUMID         Type = "PH_UMID"
	PHHealth       Type = "PH_PHILHEALTH"
	PHPassport     Type = "PH_PASSPORT"
	ZACompany      Type = "ZA_COMPANY_REGISTRATION"
	ZATax          Type = "ZA_INCOME_TAX_NUMBER"
	ZAVAT          Type = "ZA_VAT_NUMBER"
	ZAPassport     Type = "ZA_PASSPORT"
	ZADriving      Type = "ZA_DRIVER_LICENSE"
	ZATraffic      Type = "ZA_TRAFFIC_REGISTER_NUMBER"
	ZAVehicle      Type = "ZA_LICENSE_PLATE"
	NZIRD          Type = "NZ_IRD"
	NZNHI          Type = "NZ_NHI"
	IMEI           Type = "IMEI"
	VIN            Type = "VIN"
	NRP            Type = "NRP"
	Age            Type = "AGE"            // a number of years
	Passport       Type = "PASSPORT"       // a passport number in context, of no stated country
	DriverLic      Type = "DRIVER_LICENSE" // likewise; USDriver where the words around it are American
	BankAccount    Type = "BANK_ACCOUNT"   // an account number in context; USBank where the words around it are American
	IdentityCard   Type = "NATIONAL_ID"    // an identity card number in context
	MedicalRec     Type = "MEDICAL_RECORD" // a patient or insurance number in context
)

var allTypes = []Type{
	Email, Phone, CreditCard, IBAN, IP, MAC, URL, Crypto, Secret, DateTime, DateOfBirth, Location,
	USSSN, USITIN, USPassport, USDriver, USBank, ABARouting, UKNHS, UKNINO, ESNIF, ESNIE, ITFiscal, ITVAT, DETaxID, DEIDCard,
	FRNIR, NLBSN, BENN, PTNIF, CHAHV, ATSVNR, IEPPS, SEPersonal, NOPersonal, DKCPR, FIPersonal, PLPESEL, ROCNP,
	HROIB, TRTCKN, ILID, INAadhaar, INPAN, AUTFN, AUMedicare, AUABN, AUACN, CASIN, BRCPF, BRCNPJ, MXCURP, CLRUT, ARCUIT, MedicalLicense, ZAID,
	SGNRIC, KRRRN, CNID, THTNIN, JPMyNumber, EUVAT,
	USNPI, USMBI, USCLIA, UKDriving, UKPassport, UKPostcode, UKVehicle, DETaxNumber, DEVAT, DEPension,
	DEHealth, DEDoctor, DEPractice, DEPassport, DEDriving, DEVehicle, DERegister, DEPostcode, ESPassport, ITPassport,
	ITIDCard, ITDriving, INGSTIN, INVoter, INPassport, INVehicle, KRPassport, KRBusiness, KRForeigner, KRDriving,
	SEOrg, SGUEN, TRVehicle, NGNIN, NGVehicle, PHTIN, PHUMID, PHHealth, PHPassport, ZACompany,
	ZATax, ZAVAT, ZAPassport, ZADriving, ZATraffic, ZAVehicle, NZIRD, NZNHI, IMEI, VIN,
	NRP, Age,
	Passport, DriverLic, BankAccount, IdentityCard, MedicalRec,
}

func unknownOption(what, value string) error {
	return fault.New(fault.Invalid, "unknown %s %q: see the documentation of package detect", what, value)
}
