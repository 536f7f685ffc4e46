"""Each detector: what it must find, and the look-alikes it must leave alone."""

from __future__ import annotations

import pytest

from classifier.detectors import DETECTORS

from .reading import found

FINDS: dict[str, list[tuple[str, str]]] = {
    "email": [
        ("Write to ada.poe@example.com today.", "ada.poe@example.com"),
        ("E-posta: ayşe.yılmaz@örnek.com.tr", "ayşe.yılmaz@örnek.com.tr"),
        ("zeynep.kaya＠example.com", "zeynep.kaya＠example.com"),
        ('"ali veli"@example.com', '"ali veli"@example.com'),
        ("ali.veli@\nexample.com", "ali.veli@\nexample.com"),
        ("reach me: ada [at] example [dot] com", "ada [at] example [dot] com"),
    ],
    "office_email": [
        ("Questions? info@example.com", "info@example.com"),
        ("Destek: destek@ornek.com.tr", "destek@ornek.com.tr"),
    ],
    "phone": [
        ("Cep: 0555 000 12 34", "0555 000 12 34"),
        ("Call +44 7700 900123 now", "+44 7700 900123"),
        ("Tel: (212) 555-0100", "(212) 555-0100"),
    ],
    "office_phone": [
        ("Bize ulaşın: 0850 000 12 34", "0850 000 12 34"),
        ("Müşteri hizmetleri telefon: 444 0 123", "444 0 123"),
        ("Call toll-free 1-800-555-0100", "1-800-555-0100"),
    ],
    "name": [("Adı Soyadı: Gökçeşah Durusöz\n", "Gökçeşah Durusöz"), ("Sayın Mehmet Yılmaz,", "Mehmet Yılmaz")],
    "address": [
        ("Atatürk Mah. Lale Sok. No: 4 D: 3 Kadıköy", "Atatürk Mah. Lale Sok. No: 4 D: 3 Kadıköy"),
        ("He lives at 12 Imaginary Lane, Apt 4", "12 Imaginary Lane, Apt 4"),
    ],
    "birth_date": [
        ("Doğum tarihi: 23.04.1990", "23.04.1990"),
        ("She was born on 5 May 1971 in York.", "5 May 1971"),
        ("DOB: 1988-03-14", "1988-03-14"),
    ],
    "date": [
        ("Toplantı 5 Mart 2021'de yapıldı.", "5 Mart 2021"),
        ("When: 1993-01-04 14:56:41", "1993-01-04 14:56:41"),
        ("Due 3/23/2024.", "3/23/2024"),
        ("Çarşamba günü geliriz", "Çarşamba"),
    ],
    "national_id": [
        ("T.C. Kimlik No: 10000000146", "10000000146"),
        ("TCKN 100 000 001 46", "100 000 001 46"),
        ("1 0 0 0 0 0 0 0 1 4 6", "1 0 0 0 0 0 0 0 1 4 6"),
        ("١٠٠٠٠٠٠٠١٤٦", "١٠٠٠٠٠٠٠١٤٦"),
    ],
    "ssn": [("SSN: 308-63-0237", "308-63-0237"), ("social security number 308 63 0237", "308 63 0237")],
    "identity_document": [
        ("Passport number: U12345678", "U12345678"),
        ("Ehliyet No: 123456", "123456"),
        ("My driver's license number is A56319335", "A56319335"),
        ("Vergi Kimlik No: 1234567890", "1234567890"),
    ],
    "iban": [
        ("IBAN: TR33 0006 1005 1978 6457 8413 26", "TR33 0006 1005 1978 6457 8413 26"),
        ("pay to DE89370400440532013000", "DE89370400440532013000"),
    ],
    "card": [
        ("Card 4111 1111 1111 1111 exp 12/27", "4111 1111 1111 1111"),
        ("kart no 5555555555554444", "5555555555554444"),
    ],
    "finance": [
        ("Net maaş: 45.000 TL", "maaş: 45.000 TL"),
        ("The closing balance is $12,345.67 today", "closing balance is $12,345.67"),
        ("Fatura No: 2024-000123", "Fatura No: 2024-000123"),
        ("HESAP ÖZETİ\nOcak", "HESAP ÖZETİ"),
        ("Amount due\nUSD 250.00", "Amount due\nUSD 250.00"),
    ],
    "health": [
        ("Hasta Adı: Ada\nBoy", "Hasta Adı: Ada"),
        ("Tanı: Tip 2 diyabet", "Tanı: Tip 2 diyabet"),
        ("Hastaya böbrek yetmezliği tanısı konuldu.", "böbrek yetmezliği tanısı konuldu"),
        ("He was diagnosed with bipolar disorder in March.", "diagnosed with bipolar"),
        ("Diagnosis: hypertension", "Diagnosis: hypertension"),
        ("Kan grubu: A Rh+", "Kan grubu: A Rh+"),
    ],
    "credential": [
        ("aws AKIAIOSFODNN7EXAMPLE in the file", "AKIAIOSFODNN7EXAMPLE"),
        ("ghp_" + "a1B2" * 9, "ghp_" + "a1B2" * 9),
        ("token xoxb-123456789012-abcdefABCDEF", "xoxb-123456789012-abcdefABCDEF"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", "-----BEGIN RSA PRIVATE KEY-----\nMIIE"),
        ("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----"),
        (
            "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
        ),
        ("DATABASE_URL=postgres://sira:s3cr3t@db.example.com/app", "postgres://sira:s3cr3t@db.example.com"),
        ("password = 'Tr0ub4dor&3'", "Tr0ub4dor&3"),
        ("Kullanıcı: ali  Şifre: Kedi1234!", "Kedi1234!"),
        ("parolası: 482913", "482913"),
        ("DB_PASSWORD=hunter2-is-old", "hunter2-is-old"),
        ("api_key: 9f86d081884c7d659a2feaa0c55ad015", "9f86d081884c7d659a2feaa0c55ad015"),
        ("the secret wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY leaked", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
        ("ssh root / Pa$$w0rd2024 and more", "Pa$$w0rd2024"),
        ("Mail şifresi Deniz.1453", "Deniz.1453"),
        ("password: correct horse battery staple", "correct horse battery staple"),
        ("password: abc", "abc"),
        ("şifre -> Ankara06.", "Ankara06"),
        ("curl -u admin:S3cr3tPw https://example.com", "S3cr3tPw"),
        ("mysql -u root -pS3cr3tPw db", "S3cr3tPw"),
        ("| user | password |\n|---|---|\n| bob | Tr0ub4dor&3 |", "Tr0ub4dor&3"),
        ("Ad\tŞifre\nali\tKedi12", "Kedi12"),
        ("<password>Tr0ub4dor&3</password>", "Tr0ub4dor&3"),
        ("Kullanıcı: ali / Ankara06.", "Ankara06"),
        (
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\nafter",
            "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----",
        ),
        ("Server=db;User Id=sa;Password=Pa55word;", "Pa55word"),
    ],
    "special_category": [
        ("Dini inancı: Alevi. Sendika üyeliği: DİSK", "Sendika üyeliği: DİSK"),
        ("Trade union membership: Unite", "Trade union membership: Unite"),
        ("Religion: Muslim", "Religion: Muslim"),
        ("Kendisi sendika üyesidir.", "sendika üyesidir"),
    ],
    "ip": [
        ("from 203.0.113.45 at noon", "203.0.113.45"),
        ("host 2001:db8:85a3::8a2e:370:7334 up", "2001:db8:85a3::8a2e:370:7334"),
    ],
    "url": [("See https://example.com/a?b=c.", "https://example.com/a?b=c")],
    "domain": [("Visit example.com for more", "example.com"), ("alan adı: ornek.com.tr", "ornek.com.tr")],
    "internal_host": [
        ("ssh build01.corp.local", "build01.corp.local"),
        ("open http://wiki.intranet/start", "wiki.intranet"),
    ],
    "secret_marking": [
        ("ÇOK GİZLİ\n\nRapor", "ÇOK GİZLİ"),
        ("Plan\nTOP SECRET\nText", "TOP SECRET"),
        ("Ç O K   G İ Z L İ\nRapor", "Ç O K   G İ Z L İ"),
        ("Strictly confidential. The board plans to sell the works.", "Strictly confidential"),
        ("This document is strictly confidential and stays here.", "This document is strictly confidential"),
        ("Classification: Strictly Confidential", "Strictly Confidential"),
    ],
    "confidential_marking": [
        ("GİZLİ\n", "GİZLİ"),
        ("GİZLİ. Hizmet sözleşmesi iki nüsha olarak düzenlenmiştir ve taraflarca saklanır.", "GİZLİ"),
        ("- HİZMETE ÖZEL -", "HİZMETE ÖZEL"),
        ("C O N F I D E N T I A L", "C O N F I D E N T I A L"),
        ("CONFIDENTIAL - Acme Ltd", "CONFIDENTIAL"),
        ("Gizlilik derecesi: Gizli", "Gizli"),
        ("Bu belge gizlidir, çoğaltmayınız.", "Bu belge gizlidir"),
        ("This document contains confidential information.", "This document contains confidential"),
        ("For internal use only", "For internal use only"),
    ],
    "contract": [
        ("Taraflar arasında gizlilik sözleşmesi imzalanmıştır.", "gizlilik sözleşmesi"),
        ("This Non-Disclosure Agreement is made today.", "Non-Disclosure Agreement"),
        ("İşbu sözleşme ile taraflar, cezai şart ödemeyi kabul eder.", "cezai şart"),
        ("AGREEMENT between the parties. Governing law: England. Termination: 30 days.", "Governing law"),
    ],
    "hate": [
        ("We should kill all immigrants.", "kill all immigrants"),
        ("Mülteciler gebersin", "Mülteciler gebersin"),
        ("All of them are vermin.", "them are vermin"),
        ("Kill every last immigrant.", "Kill every last immigrant"),
    ],
    "violence": [("If you tell them, I will kill you.", "I will kill you"), ("Seni öldüreceğim.", "Seni öldüreceğim")],
    "sexual": [("a hardcore sex video", "hardcore sex"), ("çıplak fotoğraflarını sattı", "çıplak fotoğraflarını")],
    "child_abuse": [("naked photos of children", "naked photos of children")],
    "self_harm": [("I want to kill myself tonight", "kill myself"), ("Kendimi öldürmek istiyorum", "Kendimi öldürmek")],
    "weapon_or_drug_instructions": [
        ("Here is how to make a pipe bomb at home", "how to make a pipe bomb"),
        ("Evde bomba nasıl yapılır?", "bomba nasıl yapılır"),
        ("metamfetamin tarifi: önce", "metamfetamin tarifi"),
    ],
}

LEAVES: dict[str, list[str]] = {
    "email": ["Write to info@example.com", "meet me @ noon", "works at google.com", "user@localhost is no address"],
    "office_email": ["ada.poe@example.com", "informer@example.com"],
    "phone": [
        "Vergi Dairesi ve No: Kadıköy / 5321234567",
        "Order number 1234567890 was shipped",
        "Sipariş no: 2024000123456",
        "ISBN 978-3-16-148410-0",
        "from 2010 - 2012 and 01.02.2020 - 03.04.2021",
        "It costs 1.250.000 TL",
        "version 1.2.3.4567",
        "Bize ulaşın: 0850 000 12 34",
        "123456789 records in the table",
    ],
    "office_phone": ["Cep: 0555 000 12 34", "4440123 satır işlendi"],
    "name": ["The Quick Brown Fox", "Yazılım Mühendisi", "University of Oxford"],
    "address": ["12 people stood in a row", "Sokak lambaları yenilendi.", "the road to success"],
    "birth_date": ["Invoice date: 23.04.2020", "Founded in 1990", "The plan was drawn on 5 May 2021"],
    "date": ["version 1.2.24.7", "a ratio of 3/4", "chapter 10.11"],
    "national_id": ["T.C. Kimlik No: 10000000147", "sipariş 12345678901"],
    "ssn": ["part 308-63-02371", "000-12-3456", "308-630-237"],
    "identity_document": ["Passport control is on the left", "Ehliyet: B sınıfı", "a passport costs 12345"],
    "iban": ["TR33 is a code", "DE89370400440532013001", "GB is short for Great Britain"],
    "card": ["4111 1111 1111 1112", "0000 0000 0000 0000", "tracking 9999888877776666", "+442083661177"],
    "finance": [
        "Revenue rose by 5 % to 12 million.",
        "Salary negotiations go on.",
        "The kettle costs 250 TL.",
        "Ürün fiyatı: 250 TL",
        "Maaşlar konusunda görüşmeler sürüyor.",
        "We balance work and life; the bonus is free time.",
    ],
    "health": [
        "Early diagnosis of cancer saves lives.",
        "Diyabet, dünyada hızla yayılan bir hastalıktır.",
        "The hospital treats thousands of patients a year.",
        "Tanıtım toplantısı: 5 Mart",
        "Treatment of waste water",
        "Kanserle mücadele haftası başladı.",
    ],
    "credential": [
        "Password: required",
        "Şifre: en az 8 karakter olmalı",
        "password=********",
        "api_key: <your key>",
        "token = os.environ['TOKEN']",
        "The secret of success is work",
        "Anahtar kelimeler: yapay zeka, bulut",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "https://example.com/a:b@c",
        "parola politikası yayımlandı",
        "The password must be changed every 90 days",
        "Secretary: Thompson-Smith",
        "key 890C08DB8579162FEE0DF9DB8BEAB4DFCF555EF4 signs the releases",
        "connect to psql://user:pass@127.0.0.1/db",
        "def read(self, pwd=None):",
        "password = auth[2]",
        "call node_api_create_property_key_latin1",
    ],
    "special_category": [
        "Trade union membership fell last year.",
        "Irk, etnik köken, siyasi düşünce, din, mezhep ve sendika üyeliği özel nitelikli veridir.",
        "Religion: a history",
        "Adli sicil kaydı: yoktur",
    ],
    "ip": [
        "Upgrade from 4.17.0.12 is supported.",
        "version 10.15.17.12",
        "Sürüm: 10.22.33.44",
        "v10.15.17.12",
        "version 1.2.0.0",
        "section 3.1.4.1",
        "at 12:30:45",
        "999.1.2.3",
        "MAC 00:1A:2B:3C:4D:5E",
    ],
    "url": ["see the chapter on http", "and/or"],
    "domain": ["Use node.js and next.js", "e.g. this", "mail ada@example.com", "report.final.docx", "i.e.the"],
    "internal_host": [
        "a local shop",
        "example.com",
        "the lan is slow",
        "prices.in the shop",
        "use threading.local here",
    ],
    "secret_marking": [
        "SECRET_KEY not in the environment",
        "SECRET SANTA EVENING",
        "The secret of good coffee",
        "çok gizli kalmış bir koy",
        "Secret Garden Cafe opens",
    ],
    "confidential_marking": [
        "Gizlilik politikamız sitemizdedir.",
        "gizli özne konusu",
        "Confidential computing is a technology.",
        "Özel günler için hediye",
        "Gizli Bahçe, yeni romanı tanıtıyor",
        "Internal combustion engines are loud.",
        "INTERNAL COMBUSTION ENGINES",
        "ÖZEL GÜNLER İÇİN HEDİYE",
        "This function is for internal use only.",
    ],
    "contract": [
        "The parties in the election agree on little.",
        "The agreement was celebrated in Paris.",
        "Toplu sözleşme görüşmeleri başladı.",
        "A contract is a promise.",
        "Permission is hereby granted. No liability, whether in contract or tort, in no event of termination.",
    ],
    "hate": [
        "Immigrants deserve respect.",
        "This spray will kill all germs.",
        "Rats are vermin and they should be exterminated.",
        "Women in science",
        "Kadınlar günü kutlandı.",
        "The museum tells how the regime murdered Jews.",
    ],
    "violence": [
        "This joke will kill you slowly, he laughed.",
        "The film is about a murder.",
        "Ölüm ilanı yayımlandı.",
    ],
    "sexual": ["Sexual harassment policy", "Cinsiyet eşitliği eğitimi", "Essex and Sussex", "sex: female"],
    "child_abuse": [
        "Children's books",
        "Law against child pornographers was passed.".replace("pornographers", "abuse"),
    ],
    "self_harm": ["Suicide prevention hotline: call us.", "İntiharı önleme haftası", "The novel ends with a death."],
    "weapon_or_drug_instructions": [
        "How to make bath bombs at home",
        "The bomb of the season is a new recipe for chocolate cake, to die for.",
        "How to build a shed",
        "Police found a pipe bomb.",
        "Mercimek çorbası tarifi",
        "Uyuşturucu ile mücadele eğitimi",
        "How to make a nest. The bomb was defused.",
    ],
}
CASES = [(name, text, value) for name, cases in FINDS.items() for text, value in cases]
LOOK_ALIKES = [(name, text) for name, texts in LEAVES.items() for text in texts]


@pytest.mark.parametrize(("detector", "text", "value"), CASES)
def test_it_is_found_where_it_stands(detector: str, text: str, value: str) -> None:
    assert value in found(detector, text)


@pytest.mark.parametrize(("detector", "text"), LOOK_ALIKES)
def test_a_look_alike_is_left_alone(detector: str, text: str) -> None:
    assert found(detector, text) == []


def test_every_detector_is_tried_both_ways() -> None:
    names = {detector.name for detector in DETECTORS}
    assert set(FINDS) == names
    assert set(LEAVES) == names


OF_WORDS = ("health", "finance", "contract", "hate", "violence", "self_harm", "weapon_or_drug_instructions")


@pytest.mark.parametrize("name", OF_WORDS)
def test_case_and_dotted_letters_do_not_hide_words(name: str) -> None:
    for text, _ in FINDS[name]:
        is_heading = name == "finance" and text.startswith("HESAP")  # begins with a capital
        for changed in (
            text.replace("i", "İ").replace("ı", "I").upper(),
            text if is_heading else text.replace("İ", "i").lower(),
        ):
            assert found(name, changed), changed
