"""Writes the golden file of the tokenizer's test: strings, and their ids from the reference tokenizer."""

import gzip
import json
import random
import re
import sys
import unicodedata

import teacher

# Our own sentences, in many scripts and languages.
SENTENCES = """The invoice wasn't paid (twice!), so we've asked Ms. O'Neill-Smith to call back at 9:30 a.m.
Her naïve résumé mentioned a café, a jalapeño, and Ångström's façade; they re-enrolled vis-à-vis the coöperative.
Die Rechnung über 1.234,56 € wurde am Freitag bezahlt, obwohl Straße und Hausnummer fehlten.
Der Kühlschrank läuft nicht mehr; können Sie morgen früh einen Techniker schicken?
La señora del segundo piso pidió que le devolvieran el dinero, ¿verdad? ¡Qué lío!
Le contrat a été signé hier à l'hôtel; nous attendons votre réponse d'ici lundi.
A encomenda não chegou, mas o cartão já foi cobrado três vezes.
Il pacco è arrivato rotto: perché non l'avete imballato meglio?
De levering is vertraagd omdat de vrachtwagen bij 's-Hertogenbosch panne kreeg.
Fakturan är förfallen sedan igår; betala så snart som möjligt, tack.
Pakken ble sendt til feil adresse på Ålesund, så æøå må støttes.
Tilaus peruttiin, koska yöpöytä oli loppunut varastosta.
Zażółć gęślą jaźń, a potem wyślij fakturę pocztą.
Příliš žluťoučký kůň se ptá, kde je objednávka číslo 42.
Az árvíztűrő tükörfúrógép számlája még nincs kifizetve.
Comanda a fost livrată ieri după-amiază în București, țară și oraș.
Sipariş İstanbul'dan yarın gönderilecek; ısıtıcı ve ığdır çayı eksik.
Đơn hàng đã được giao nhưng hộp bị ướt, xin vui lòng đổi lại.
Заказ отменён, потому что склад в Ёлкине закрыт до понедельника.
Рахунок не сплачено; їхня ґанок і єдність не винні.
Поръчката пристигна, но кабелът липсва.
Η παραγγελία καθυστέρησε επειδή ο οδηγός έχασε τον δρόμο· ΤΕΛΟΣ ΟΔΟΣ.
הַחֶשְׁבּוֹן לא שולם, בבקשה התקשרו מחר בבוקר.
لم يصل الطلب بعدُ، هل يمكنكم التحقق من العنوان رقم ١٢٣؟
سفارش من هنوز نرسیده است؛ لطفاً نشانی را بررسی کنید۔
میرا پارسل ابھی تک نہیں پہنچا، براہ کرم پتہ دیکھیں۔
मेरा ऑर्डर अभी तक नहीं पहुँचा है, कृपया पता जाँचें।
আমার অর্ডার এখনো আসেনি, দয়া করে ঠিকানা দেখুন।
ਮੇਰਾ ਪਾਰਸਲ ਅਜੇ ਤੱਕ ਨਹੀਂ ਆਇਆ।
મારો ઓર્ડર હજી સુધી આવ્યો નથી.
எனது பொருள் இன்னும் வரவில்லை, முகவரியை சரிபார்க்கவும்.
నా ఆర్డర్ ఇంకా రాలేదు, దయచేసి చిరునామా చూడండి.
ನನ್ನ ಪಾರ್ಸೆಲ್ ಇನ್ನೂ ಬಂದಿಲ್ಲ.
എന്റെ ഓർഡർ ഇതുവരെ വന്നിട്ടില്ല.
මගේ ඇණවුම තවම ලැබී නැත.
คำสั่งซื้อของฉันยังมาไม่ถึง กรุณาตรวจสอบที่อยู่
ຄຳສັ່ງຊື້ຂອງຂ້ອຍຍັງບໍ່ທັນມາຮອດ
ကျွန်ုပ်၏ အမှာစာ မရောက်သေးပါ။
ការបញ្ជាទិញរបស់ខ្ញុំមិនទាន់មកដល់ទេ។
ჩემი შეკვეთა ჯერ არ მოსულა.
Իմ պատվերը դեռ չի հասել։
ትዕዛዜ እስካሁን አልደረሰም።
我的订单还没有到,请查一下地址。
訂單已經取消了,請退款給我!
注文した品がまだ届きません。住所をご確認ください、ガギグゲゴ。
カタカナとひらがな、漢字が混ざった文です。
주문한 물건이 아직 도착하지 않았습니다. 주소를 확인해 주세요!
한글과 中文 and English mixed 一二三 in one line.
ཁྱེད་ཀྱི་ཁ་བྱང་ཞིབ་བཤེར་གནང་རོགས།
ᠮᠣᠩᠭᠣᠯ ᠪᠢᠴᠢᠭ
ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ
Ꭰꭰ ẞß ŉ ǰ ΐ ﬁ ﬀ Ⅷ ① ² ½ ℀ ™ Å Ω K
SELECT * FROM orders WHERE id = 17 AND total >= 99.95; -- why so slow?
panic: runtime error: index out of range [3] with length 3
curl -X POST 'https://shop.example/api/v2/orders?id=77&x=%20' -H "Accept: */*"
if (a != b && c <= d) { return x_y->z[0] ?: ~q ^ 0xFF | 1 << 3; }
2026-11-23T07:15:00.123Z WARN [worker-7] retry=3 err="dial tcp: i/o timeout"
price≠cost ≮ ≯ `quoted` “curly” ‘single’ «guillemets» – dash — em… ellipsis
😀 smile 👩‍👩‍👧‍👦 family 🇩🇪 flag 👍🏽 tone ❤️ heart
zero\u200bwidth soft\u00adhyphen bidi\u202eoverride\u202c byte\ufefforder nbsp\u00a0space thin\u2009space line\u2028sep
e\u0301 vs \u00e9, a\u0323\u0302 vs \u1ead, q\u0307\u0323 stacked z\u0351\u036b\u0343\u036a\u0302
tab\there newline\u000bvertical form\u000cfeed null\u0000gone bell\u0007gone del\u007fgone nel\u0085next
""".replace("\\u200b", "\u200b").replace("\\u00ad", "\u00ad").replace("\\u202e", "\u202e").replace("\\u202c", "\u202c") \
    .replace("\\ufeff", "\ufeff").replace("\\u00a0", "\u00a0").replace("\\u2009", "\u2009").replace("\\u2028", "\u2028") \
    .split("\n")

PLACEHOLDER = re.compile(r"\[[A-Z][A-Z0-9_]+\]")


def strings():
    rng = random.Random(7)
    for s in SENTENCES:
        s = re.sub(r"\\u([0-9a-f]{4})", lambda m: chr(int(m[1], 16)), s)
        yield s
        yield unicodedata.normalize("NFD", s)
        yield s.upper()
    assigned = [c for c in range(0x30000) if unicodedata.category(chr(c)) not in ("Cs", "Cn")]
    letters = [chr(c) for c in assigned]
    for start in range(0, len(letters), 640):  # through the whole of Unicode, in order
        yield "".join(letters[start : start + 640 : 5])
    words = [w for s in SENTENCES for w in s.split()]
    vocabulary = list(teacher.tokenizer().get_vocab())
    for _ in range(900):
        c = chr(rng.choice(assigned))
        yield f"{unicodedata.name(c, 'unnamed').lower()} {c} x{c}y"
    for _ in range(900):
        yield "".join(rng.choice(words) + rng.choice([" ", "", "-", "\t", "'", "  "]) for _ in range(rng.randint(1, 12)))
    for _ in range(900):
        yield "".join(rng.choice(vocabulary).removeprefix("##") + rng.choice(["", "", " "]) for _ in range(rng.randint(1, 20)))
    for _ in range(600):
        yield "".join(chr(rng.choice(assigned)) if rng.random() < 0.3 else rng.choice("abcXYZ019 .,-_") for _ in range(rng.randint(1, 40)))
    for n in (99, 100, 101, 150):
        yield "a" * n + " é" * 3
        yield "é" * n
        yield "汉" * n
        yield "x" * n + "."


def main():
    tokenizer = teacher.tokenizer()
    with gzip.GzipFile(sys.argv[1], "wb", mtime=0) as file:
        for s in dict.fromkeys(strings()):
            if not PLACEHOLDER.search(s):
                ids = tokenizer.encode(s, add_special_tokens=False).ids
                file.write((json.dumps([s, ids], ensure_ascii=False, separators=(",", ":")) + "\n").encode())


if __name__ == "__main__":
    main()
