# ruff: noqa: E501 (CVs are as wide as they are)
"""Invented CVs, Turkish and English, in many layouts, with what a reader should find. All people are made up.

expected: titles, companies, schools, degrees, fields, dates ((start, end) of experiences), skills (a few that must be
there), years, licence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

TODAY = date(2026, 11, 22)


@dataclass(frozen=True)
class InventedCV:
    name: str
    language: str
    person: tuple[str, ...]
    text: str
    titles: tuple[str, ...]
    companies: tuple[str, ...]
    dates: tuple[tuple[str | None, str | None], ...]
    schools: tuple[str, ...]
    degrees: tuple[str, ...]
    fields: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()
    years: float | None = None
    licence: bool | None = None
    contact: tuple[str, ...] = field(default=())


CVS = (
    InventedCV(
        name="tr_columns",
        language="tr",
        person=("Defne", "Akarsu"),
        contact=("defne.akarsu@example.com", "0532 000 11 22"),
        text="""Defne Akarsu
Kıdemli Yazılım Mühendisi
defne.akarsu@example.com | 0532 000 11 22 | Kadıköy, İstanbul

HAKKIMDA
Ölçeklenebilir servisler geliştiren, ekip çalışmasını seven bir yazılım mühendisiyim.

İŞ DENEYİMİ
Kıdemli Yazılım Mühendisi                      Ocak 2020 – Halen
Mavi Nokta Teknoloji A.Ş., İstanbul
• Python ve Django ile servisler geliştirdim.
• PostgreSQL sorgularını iyileştirdim.

Yazılım Geliştirici                            Mart 2016 - Aralık 2019
Kuzey Yazılım Ltd. Şti., Ankara
• Java ve Spring Boot ile ödeme sistemi kurdum.

EĞİTİM
Orta Doğu Teknik Üniversitesi
Bilgisayar Mühendisliği, Lisans
2011 - 2015

BECERİLER
Python, Django, PostgreSQL, Docker, Takım çalışması

Sürücü Belgesi: B
""",
        titles=("Kıdemli Yazılım Mühendisi", "Yazılım Geliştirici"),
        companies=("Mavi Nokta Teknoloji A.Ş.", "Kuzey Yazılım Ltd. Şti."),
        dates=(("2020-01", None), ("2016-03", "2019-12")),
        schools=("Orta Doğu Teknik Üniversitesi",),
        degrees=("Lisans",),
        fields=("Bilgisayar Mühendisliği",),
        skills=("Python", "Django", "PostgreSQL", "Docker", "Takım çalışması", "Java", "Spring Boot"),
        years=10.8,
        licence=True,
    ),
    InventedCV(
        name="tr_company_first",
        language="tr",
        person=("Tuna", "Elmacı"),
        contact=("telmaci@example.org",),
        text="""ÖZGEÇMİŞ

Ad Soyad: Tuna Elmacı
E-posta: telmaci@example.org
Doğum Tarihi: 12.04.1988
Adres: Çınar Mah. 12. Sok. No: 4/7 Bornova İzmir

İş Tecrübeleri

03/2018 - 05/2022
Ege Gıda Sanayi ve Ticaret A.Ş.
Üretim Planlama Uzmanı
Haftalık üretim planlarının hazırlanması ve stok takibi.

09/2014 - 02/2018
Körfez Lojistik Ltd. Şti.
Lojistik Sorumlusu
Sevkiyat planlaması ve araç takibi.

Eğitim Bilgileri

2010 - 2014
Dokuz Eylül Üniversitesi
Endüstri Mühendisliği
Lisans

Bilgisayar Bilgisi
SAP, Excel, AutoCAD

Ehliyet: B sınıfı
""",
        titles=("Üretim Planlama Uzmanı", "Lojistik Sorumlusu"),
        companies=("Ege Gıda Sanayi ve Ticaret A.Ş.", "Körfez Lojistik Ltd. Şti."),
        dates=(("2018-03", "2022-05"), ("2014-09", "2018-02")),
        schools=("Dokuz Eylül Üniversitesi",),
        degrees=("Lisans",),
        fields=("Endüstri Mühendisliği",),
        skills=("SAP", "Excel", "AutoCAD"),
        years=7.8,
        licence=True,
    ),
    InventedCV(
        name="tr_ocr",
        language="tr",
        person=("Umay", "Sarıçam"),
        contact=("umay.saricam@example.com",),
        text="""UMAY SARIÇAM
umay.saricam@example.com

lŞ DENEYlMl

Muhasebe Uzmani
Yildiz Tekstil A.S. - Bursa
Haziran 2019 - Agustos 2023
• Aylik beyannamelerin hazirlanmasi

Muhasebe Stajyeri
Ova Mali Musavirlik Ltd. Sti. - Bursa
2018 Mart - 2018 Eylul

EGlTlM
Uludag Universitesi, Isletme, Lisans, 2014 - 2018

BECERlLER
Logo Tiger, Excel, Bordro
""",
        titles=("Muhasebe Uzmani", "Muhasebe Stajyeri"),
        companies=("Yildiz Tekstil A.S.", "Ova Mali Musavirlik Ltd. Sti."),
        dates=(("2019-06", "2023-08"), ("2018-03", "2018-09")),
        schools=("Uludag Universitesi",),
        degrees=("Lisans",),
        fields=("Isletme",),
        skills=("Logo Tiger", "Excel", "Bordro"),
        years=4.8,
    ),
    InventedCV(
        name="tr_pipes",
        language="tr",
        person=("Asya", "Gündoğar"),
        text="""Asya Gündoğar
Hemşire

KİŞİSEL BİLGİLER
Telefon: +90 555 010 20 30
Medeni hali: Bekar

MESLEKİ DENEYİM
Yoğun Bakım Hemşiresi | Anka Hastanesi | 2019 - Devam ediyor
• Yoğun bakım hastalarının takibi
Servis Hemşiresi | Şifa Tıp Merkezi | 2016 - 2019
• Dahiliye servisinde hasta bakımı

ÖĞRENİM DURUMU
Ege Üniversitesi | Hemşirelik | Lisans | 2012 - 2016
Bornova Anadolu Lisesi | 2008 - 2012

YETKİNLİKLER
• Hasta bakımı
• İlk yardım
• Ekip çalışması

Ehliyet: Yok
""",
        titles=("Yoğun Bakım Hemşiresi", "Servis Hemşiresi"),
        companies=("Anka Hastanesi", "Şifa Tıp Merkezi"),
        dates=(("2019", None), ("2016", "2019")),
        schools=("Ege Üniversitesi", "Bornova Anadolu Lisesi"),
        degrees=("Lisans",),
        fields=("Hemşirelik",),
        skills=("Hasta bakımı", "İlk yardım", "Ekip çalışması"),
        years=10.4,
        licence=False,
    ),
    InventedCV(
        name="tr_labels",
        language="tr",
        person=("Baran", "Tekin"),
        text="""BARAN TEKİN ÖZGEÇMİŞ
GSM: 0 541 222 33 44

DENEYİMLER
Firma: Doruk İnşaat A.Ş.
Pozisyon: Şantiye Şefi
Tarih: 01.02.2017 - 30.06.2021
Konut projelerinde saha yönetimi.

Firma: Temel Mühendislik Ltd. Şti.
Pozisyon: İnşaat Mühendisi
Tarih: 01.07.2013 - 31.01.2017

EĞİTİM
Yüksek Lisans: Gazi Üniversitesi, İnşaat Mühendisliği (2014 - 2016)
Lisans: Selçuk Üniversitesi, İnşaat Mühendisliği (2009 - 2013)

PROGRAMLAR
AutoCAD, SAP2000, Primavera
""",
        titles=("Şantiye Şefi", "İnşaat Mühendisi"),
        companies=("Doruk İnşaat A.Ş.", "Temel Mühendislik Ltd. Şti."),
        dates=(("2017-02", "2021-06"), ("2013-07", "2017-01")),
        schools=("Gazi Üniversitesi", "Selçuk Üniversitesi"),
        degrees=("Yüksek Lisans", "Lisans"),
        fields=("İnşaat Mühendisliği",),
        skills=("AutoCAD", "SAP2000", "Primavera"),
        years=8.0,
    ),
    InventedCV(
        name="tr_prose",
        language="tr",
        person=("Lara", "Yurtsever"),
        text="""Merhaba, ben Lara Yurtsever. 8 yıllık deneyime sahip bir satış müdürüyüm ve ekip yönetimi konusunda kendimi geliştirdim.
Anadolu Üniversitesi İktisat bölümünden lisans derecesiyle mezun oldum. B sınıfı ehliyetim var.
Excel ve SAP kullanıyorum.
""",
        titles=(),
        companies=(),
        dates=(),
        schools=(),
        degrees=(),
        skills=("Excel", "SAP"),
        years=8,
        licence=True,
    ),
    InventedCV(
        name="en_classic",
        language="en",
        person=("Marlow", "Quince"),
        contact=("marlow.quince@example.com", "(555) 010-2030"),
        text="""Marlow Quince
Senior Backend Developer
12 Harbour Street, Springfield, IL 62701
marlow.quince@example.com | (555) 010-2030 | linkedin.com/in/marlowquince

SUMMARY
Backend developer who likes small services and good tests.

WORK EXPERIENCE

Senior Backend Developer
Bluefin Systems Inc., Chicago, IL
June 2018 - Present
• Designed payment services in Python and Go.
• Moved the platform to Kubernetes.

Software Engineer
Copperleaf LLC, Austin, TX
January 2014 - May 2018
• Built REST APIs with Java and Spring.

EDUCATION

Bachelor of Science in Computer Science
University of Illinois, 2010 - 2014

SKILLS
Python, Go, Java, Kubernetes, PostgreSQL, Team leadership

Driver's license: yes
""",
        titles=("Senior Backend Developer", "Software Engineer"),
        companies=("Bluefin Systems Inc.", "Copperleaf LLC"),
        dates=(("2018-06", None), ("2014-01", "2018-05")),
        schools=("University of Illinois",),
        degrees=("Bachelor of Science",),
        fields=("Computer Science",),
        skills=("Python", "Go", "Java", "Kubernetes", "PostgreSQL", "Team leadership", "REST", "Spring"),
        years=12.9,
        licence=True,
    ),
    InventedCV(
        name="en_at",
        language="en",
        person=("Odette", "Farrow"),
        text="""ODETTE FARROW
odette@example.net

EXPERIENCE

Marketing Manager at Larkspur Media                         2019 - 2023
Planned and ran campaigns for regional newspapers.

Marketing Assistant at Tidewater Foods Ltd                  2016 - 2019
Helped with trade fairs and newsletters.

EDUCATION
MBA, Hollins College, 2014 - 2016
B.A. in History, Kenmore University, 2010 - 2014

SKILLS
Google Analytics, SEO, Copywriting, Event management
""",
        titles=("Marketing Manager", "Marketing Assistant"),
        companies=("Larkspur Media", "Tidewater Foods Ltd"),
        dates=(("2019", "2023"), ("2016", "2019")),
        schools=("Hollins College", "Kenmore University"),
        degrees=("MBA", "B.A."),
        fields=("History",),
        skills=("Google Analytics", "SEO", "Copywriting", "Event management"),
        years=7,
    ),
    InventedCV(
        name="en_flattened",
        language="en",
        person=("Percival", "Oakes"),
        contact=("poakes@example.com",),
        text=(
            '"Percival Oakes  Paralegal  poakes@example.com    PROFESSIONAL EXPERIENCE    Paralegal  '
            "Wren & Partners LLP, Boston, MA  March 2015  August 2021  Drafted motions and kept the calendar of the litigation team.  "
            "Prepared exhibits for hearings and trials in several courts.    Legal Secretary  Harbor Law Offices, Boston, MA  May 2011  February 2015  "
            "Answered the phones and scheduled depositions for four attorneys.    EDUCATION    Associate Degree in Legal Studies  "
            'Bay Community College, Boston, MA  2009 - 2011    SKILLS    Westlaw, LexisNexis, Microsoft Office, Legal research"'
        ),
        titles=("Paralegal", "Legal Secretary"),
        companies=("Wren & Partners LLP", "Harbor Law Offices"),
        dates=(("2015-03", "2021-08"), ("2011-05", "2015-02")),
        schools=("Bay Community College",),
        degrees=("Associate Degree",),
        fields=("Legal Studies",),
        skills=("Westlaw", "LexisNexis", "Microsoft Office", "Legal research"),
        years=10.3,
    ),
    InventedCV(
        name="en_date_first",
        language="en",
        person=("Saskia", "Thornbury"),
        text="""Saskia Thornbury
Curriculum Vitae

EMPLOYMENT HISTORY

2017 – 2022
Mechanical Engineer
Granite Motors GmbH
Designed gear boxes for light trucks.

2013 – 2017
Design Engineer
Falkner Automotive GmbH
Drew parts in CATIA and SolidWorks.

EDUCATION

2011 – 2013
Master of Science in Mechanical Engineering
Technical University of Nordhafen

TECHNICAL SKILLS
CATIA, SolidWorks, MATLAB, ANSYS
""",
        titles=("Mechanical Engineer", "Design Engineer"),
        companies=("Granite Motors GmbH", "Falkner Automotive GmbH"),
        dates=(("2017", "2022"), ("2013", "2017")),
        schools=("Technical University of Nordhafen",),
        degrees=("Master of Science",),
        fields=("Mechanical Engineering",),
        skills=("CATIA", "SolidWorks", "MATLAB", "ANSYS"),
        years=9,
    ),
    InventedCV(
        name="en_dash_line",
        language="en",
        person=("Ignatius", "Bellweather"),
        text="""Ignatius Bellweather

Professional Experience
Data Analyst - Meridian Insurance Group - 02/2020 - 10/2024
- Built Tableau dashboards and SQL reports.
- Cleaned claims data with Python.
Junior Analyst - Quayside Consulting - 07/2017 - 01/2020
- Wrote weekly reports in Excel.

Education
Bachelor of Arts in Economics, Larchmont University (2013 - 2017)

Skills
SQL, Tableau, Python, Excel, Data analysis

References
Rosalind Pemberton, Head of Data, Meridian Insurance Group, +1 555 010 9999
""",
        titles=("Data Analyst", "Junior Analyst"),
        companies=("Meridian Insurance Group", "Quayside Consulting"),
        dates=(("2020-02", "2024-10"), ("2017-07", "2020-01")),
        schools=("Larchmont University",),
        degrees=("Bachelor of Arts",),
        fields=("Economics",),
        skills=("SQL", "Tableau", "Python", "Excel", "Data analysis"),
        years=7.3,
    ),
    InventedCV(
        name="en_prose",
        language="en",
        person=("Hollis", "Vantreight"),
        text="""My name is Hollis Vantreight and I live near the coast. I have worked as a backend developer at Saltmarsh Software Ltd since 2019.
Before that I worked as a test engineer at Dunlin Systems from 2015 to 2019. I know Python, Docker and PostgreSQL well.
""",
        titles=("backend developer", "test engineer"),
        companies=("Saltmarsh Software Ltd", "Dunlin Systems"),
        dates=(("2019", None), ("2015", "2019")),
        schools=(),
        degrees=(),
        skills=("Python", "Docker", "PostgreSQL"),
        years=11.4,
    ),
)
BY_NAME = {cv.name: cv for cv in CVS}
