"""Documents that somebody might send, as texts: each category in both languages. All of it is invented."""

from __future__ import annotations

PUBLIC = {
    "en": """The Garden Kettle
Our new kettle boils a litre of water in two minutes and keeps it warm for an hour. It comes in green, blue and white
and is made of recycled steel. From May it is on sale in all our shops for 49 pounds. Questions are answered by
info@example.com, and at www.example.com you find a list of shops. We wish you many good cups of tea.
""",
    "tr": """Bahçe Çaydanlığı
Yeni çaydanlığımız bir litre suyu iki dakikada kaynatır ve bir saat boyunca sıcak tutar. Yeşil, mavi ve beyaz renkleri
vardır; geri dönüştürülmüş çelikten üretilir. Mayıs ayından itibaren bütün mağazalarımızda 950 TL fiyatla satıştadır.
Sorularınız için bilgi@example.com adresine yazabilir, mağaza listesini www.example.com adresinde bulabilirsiniz.
""",
}
CONFIDENTIAL = {
    "en": """Minutes of the meeting
Present were the heads of sales and of support. The customer can be reached at mary.major@example.com or by phone at
+44 7700 900123 and lives at 12 Imaginary Lane, Nowhereham. The offer is to be sent before the end of the week, and the
parties will meet again next month to speak about the price.
""",
    "tr": """Toplantı tutanağı
Toplantıya satış ve destek müdürleri katıldı. Müşteriye ayse.ornek@example.com adresinden veya 0555 000 12 34 numaralı
telefondan ulaşılabilir. Teklif hafta sonuna kadar gönderilecek ve gelecek ay fiyat konusunda yeniden görüşülecektir.
Ev adresi: Hayali Mah. Örnek Sok. No: 7 D: 3 Kadıköy
""",
}
HIGHLY_SENSITIVE = {
    "en": """Discharge summary
Patient name: Zephyrine Quillfeather
Diagnosis: type 2 diabetes and hypertension
The patient was admitted with chest pain and was treated for heart failure. She takes insulin every day and will be seen
again in two weeks. Social security number 308-63-0237. The bill was paid with the card 4111 1111 1111 1111.
""",
    "tr": """Epikriz raporu
Hasta adı: Yıldızcan Pamukdalga
T.C. Kimlik No: 10000000146
Tanı: Tip 2 diyabet ve hipertansiyon
Hasta göğüs ağrısı şikayetiyle başvurmuş, kalp yetmezliği tedavisi görmüştür. Her gün insülin kullanmaktadır ve iki
hafta sonra kontrole gelecektir. IBAN: TR33 0006 1005 1978 6457 8413 26
""",
}
UNSAFE = {
    "en": """You think that nobody knows where you live, but we do. If you go to the police with this, I will kill you
and everybody in your house. We have watched you for weeks, and nobody will be there to help you when we come in the
night.
""",
    "tr": """Nerede oturduğunu kimsenin bilmediğini sanıyorsun ama biz biliyoruz. Bunu polise anlatırsan seni
öldüreceğim ve evdeki herkes de bunu görecek. Haftalardır seni izliyoruz; gece geldiğimizde sana yardım edecek kimse
olmayacak.
""",
}
TEXTS = {"Public": PUBLIC, "Confidential": CONFIDENTIAL, "Highly Sensitive": HIGHLY_SENSITIVE, "Unsafe": UNSAFE}

#: What reads as if it were one of the above and is for everybody.
HARMLESS = {
    "aydınlatma metni": """Şirketimiz kimlik, iletişim ve finans verilerinizi sözleşmenin kurulması ve ifası amacıyla
işlemektedir. Sağlık verileri yalnızca açık rıza ile işlenir. Başvurularınızı kvkk@example.com adresine
iletebilirsiniz.""",
    "a job that is offered": """We are looking for a gardener. The annual salary is from EUR 30,000 to EUR 35,000, and
lunch is free. Apply at jobs@example.com before 30 June 2024; tell us which plants you know and why you love them.""",
    "a bomb in history": """The bomb was dropped on a Monday. How to make peace last was the question of the conference
that followed, and historians still argue about the decision and about what it meant for the town.""",
    "news of a crime": """A man was charged with murder on Monday. Police had found a pipe bomb in his garage,
which was defused the same night. Nobody was hurt, and the neighbours could go back to their homes in the morning.""",
    "prevention of suicide": """Suicide can be prevented. Talk openly with people you worry about, listen to
them, and help them to find a doctor. The week of prevention begins in September with lectures in all schools of the
town.""",
    "an article on health": """Early diagnosis of cancer saves lives. Doctors advise everybody above fifty to be
examined once a year. Diabetes and hypertension are widespread as well, and treatment is better than it has ever
been before.""",
    "sağlık haberi": """Uzmanlar, kanserde erken teşhisin hayat kurtardığını söyledi. Diyabet ve hipertansiyon
da ülkemizde hızla yayılıyor. Bakanlık, elli yaşın üzerindeki herkese yılda bir kez muayene olmasını öneriyor.""",
    "economy": """Revenue rose by five percent last year. The board proposes a dividend. The average salary in
the country went up more slowly than prices, and the balance of trade was better than the year before, the minister
said.""",
    "ekonomi haberi": """Enflasyon geçen ay yavaşladı. Uzmanlar, maaş artışlarının fiyatların gerisinde
kaldığını ve kredi faizlerinin yüksek seyrettiğini belirtti. Sözleşme görüşmeleri sürüyor; taraflar gelecek hafta
yeniden buluşacak.""",
    "a recipe": """How to make bath bombs: mix two cups of baking soda with one cup of citric acid, add oil and
colour, press it into a mould and let it dry for a day. Kids love to help with this, and the kitchen smells
wonderful.""",
    "release notes": """Version 3.11.2.1 comes with many small repairs. The parser reads names in every
language, the list is sorted by date, and section 4.1.2.7 of the manual was written anew. Upgrade from 3.10.0.0 is
done in one step.""",
    "gizlilik politikası": """Gizlilik politikamız, verilerinizi nasıl koruduğumuzu anlatır. Sitemizi ziyaret
ettiğinizde hangi çerezlerin kullanıldığını ve bunları nasıl kapatabileceğinizi bu sayfada bulabilirsiniz. Özel
günlere hediyeler.""",
    "a museum": """The museum tells how the regime murdered millions of Jews, and how some of their neighbours
hid them. School classes are welcome on every weekday. The tour takes two hours, and the entrance is free for
children.""",
}
