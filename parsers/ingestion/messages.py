"""What a status or a refusal says to a person, in Turkish and English.

A table of its own, and not the catalogue of the pages, because the two sentences of a code are one promise to a client
and are read, written and tested side by side. Which language: the request's (Accept-Language).
"""

from __future__ import annotations

from typing import Any

from jobs.api.language import preferred

#: code: (English, Turkish).
MESSAGES: dict[str, tuple[str, str]] = {
    "accepted": (
        "The batch was accepted. Files: {total}. Its status: {where}",
        "İşlem alındı. Dosya sayısı: {total}. Durumu: {where}",
    ),
    "running": (
        "The batch is being processed: {ended} of {total} done.",
        "İşlem devam ediyor: {total} belgeden {ended} tanesi bitti.",
    ),
    "running_no_worker": (
        "The batch waits: {ended} of {total} done, and no worker is running at the moment. Nothing is lost; it goes on "
        "when one is back.",
        "İşlem bekliyor: {total} belgeden {ended} tanesi bitti, şu anda çalışan bir işçi yok. Hiçbir şey kaybolmadı; "
        "işçi dönünce devam edecek.",
    ),
    "stopping": (
        "The batch is being stopped: {ended} of {total} done, and what still runs was told to stop.",
        "İşlem durduruluyor: {total} belgeden {ended} tanesi bitti, çalışmakta olana durması söylendi.",
    ),
    "completed": (
        "The batch is completed. Documents: {total}, chunks: {chunks}.",
        "İşlem tamamlandı. Belge: {total}, chunk: {chunks}.",
    ),
    "completed_but_deleted": (
        "The batch was completed, but chunks of it were deleted or replaced since: {present} of {chunks} are there.",
        "İşlem tamamlanmıştı, ancak chunk'ların bir kısmı sonradan silindi veya değiştirildi: {chunks} chunk'tan "
        "{present} tanesi duruyor.",
    ),
    "completed_with_errors": (
        "The batch is completed, but not for every document: {failed} of {total} failed. Their errors are listed; send "
        "those documents again once they are mended.",
        "İşlem tamamlandı, ancak {total} belgeden {failed} tanesi işlenemedi. Hatalar listede; belgeleri düzeltip "
        "yeniden gönderin.",
    ),
    "failed": (
        "The batch failed: none of its documents was stored ({failed} of {total} failed). Their errors are listed.",
        "İşlem başarısız oldu: hiçbir belge kaydedilemedi ({total} belgeden {failed} tanesi hatalı). Hatalar listede.",
    ),
    "failed_after_all": (
        "The batch failed: {error} Documents stored before: {stored} of {total}.",
        "İşlem başarısız oldu: {error} Öncesinde kaydedilen belge: {stored}/{total}.",
    ),
    "cancelled": (
        "The batch was cancelled. Documents stored before: {stored} of {total}.",
        "İşlem iptal edildi. Öncesinde kaydedilen belge: {stored}/{total}.",
    ),
    "likely_completed": (
        "The batch is probably completed: its record is gone, but the session has its chunks (documents: {documents}, "
        "chunks: {chunks}). If a document of yours is missing, send it again; nothing is stored twice.",
        "İşlem tamamlandı! Chunk'lar başarıyla oluşturuldu. (İşlem takibi kaybolmuş olabilir ama sonuçlar mevcut: "
        "{documents} belge, {chunks} chunk.) Eksik bir belge varsa yeniden gönderin; hiçbir şey iki kez kaydedilmez.",
    ),
    "unknown": (
        "Nothing is known about this batch. Check its id and the session's, or send the documents again; nothing is "
        "stored twice.",
        "Bu işlem hakkında bilgi yok. İşlem ve oturum kimliğini kontrol edin veya belgeleri yeniden gönderin; hiçbir "
        "şey iki kez kaydedilmez.",
    ),
    "empty": (
        "The session is empty: no document was sent to it, or all were deleted.",
        "Oturum boş: henüz belge gönderilmedi veya hepsi silindi.",
    ),
    "other_batch": (
        "There is no batch with this id; this is the latest one of the session. {message}",
        "Bu kimlikte bir işlem bulunamadı; bu, oturumun son işlemi. {message}",
    ),
    # --- refusals
    "session_not_found": (
        "There is no such session, or it is not yours.",
        "Böyle bir oturum yok veya size ait değil.",
    ),
    "document_not_found": (
        "There is no such document in this session.",
        "Bu oturumda böyle bir belge yok.",
    ),
    "still_stopping": (
        "Documents of the session are still being processed and were told to stop. The session is kept until they "
        "have; delete it again in a moment.",
        "Oturumun bazı belgeleri hâlâ işleniyor; durmaları söylendi. Oturum onlar durana kadar silinmez; birazdan "
        "yeniden silin.",
    ),
    "session_required": (
        "Say which session the documents belong to, in `session_id`.",
        "Belgelerin hangi oturuma ait olduğunu `session_id` alanında belirtin.",
    ),
    "label_unseen": (
        "A session_id has only characters that can be seen: no control, bidirectional, zero-width or line separator "
        "characters. This one has {sign}; write it again without that.",
        "session_id yalnızca görünen karakterlerden oluşur: denetim, yön (bidi), sıfır genişlikli veya satır ayırıcı "
        "karakter içeremez. Bunda {sign} var; onsuz yeniden yazın.",
    ),
    "label_too_long": (
        "A session_id has at most {longest} characters. Send a shorter one.",
        "session_id en fazla {longest} karakter olabilir. Daha kısa bir ad gönderin.",
    ),
    "label_slash": (
        "A session_id has no slash and no backslash, because it is a part of addresses. Send it without.",
        "session_id eğik çizgi veya ters eğik çizgi içeremez, çünkü adreslerin bir parçasıdır. Onlarsız gönderin.",
    ),
    "label_dots": (
        "A session_id cannot be just “.” or “..”: in an address these mean a folder. Send another name.",
        "session_id yalnızca “.” veya “..” olamaz: bunlar bir adreste klasör anlamına gelir. Başka bir ad gönderin.",
    ),
    "label_not_as_kept": (
        "A job's session_id is written as sessions keep it: in Unicode NFC, without space around it. Send it so.",
        "Bir işin session_id değeri oturumların tuttuğu gibi yazılır: Unicode NFC biçiminde, başında ve sonunda boşluk "
        "olmadan. Öyle gönderin.",
    ),
    "overlap_too_large": (
        "The overlap must be smaller than chunk_size.",
        "chunk_overlap, chunk_size değerinden küçük olmalıdır.",
    ),
    # --- evidence
    "children": (
        "Documents: {succeeded} succeeded, {failed} failed, {waiting} waiting, {processing} being processed.",
        "Belgeler: {succeeded} tamam, {failed} hatalı, {waiting} bekliyor, {processing} işleniyor.",
    ),
    "chunks": ("Chunks present: {present} of {expected}.", "Mevcut chunk: {present}/{expected}."),
    "session": (
        "In the session: documents {documents}, chunks {chunks}.",
        "Oturumda: {documents} belge, {chunks} chunk.",
    ),
    "workers": ("Workers running: {alive}.", "Çalışan işçi: {alive}."),
    "attempts": (
        "Documents that needed more than one attempt: {retried}; most attempts: {most}.",
        "Birden fazla deneme gerektiren belge: {retried}; en çok deneme: {most}.",
    ),
    "job_id_not_found": ("There is no batch with the id that was asked for.", "Sorulan kimlikte bir işlem yok."),
    "job_missing": ("There is no record of the batch itself.", "İşlemin kendi kaydı yok."),
    # --- the one error of a document that has no sentence of its own
    "document_cancelled": ("The document was cancelled.", "Belgenin işlenmesi iptal edildi."),
}

#: What extraction and the engine say in English, by error code; other codes keep the sentence they came with.
TURKISH_ERRORS = {
    "empty_batch": "İstekte `files` adlı alanda dosya yok. En az bir dosya gönderin; alanın adı `files` olmalı.",
    "too_many_files": "Bir istekte çok fazla dosya var; hiçbiri saklanmadı. Birkaç ayrı istekle gönderin.",
    "batch_too_large": "Dosyalar birlikte çok büyük; hiçbiri saklanmadı. Birkaç ayrı istekle gönderin.",
    "empty_file": "Dosya boş. İçeriği olan bir dosya gönderin.",
    "file_too_large": "Dosya çok büyük. Daha küçük bir dosya gönderin veya bölün.",
    "unsupported_type": "Bu dosya türü okunamıyor. PDF, DOCX, metin veya resim gönderin.",
    "type_mismatch": "Dosyanın adı ile içeriği uyuşmuyor. Doğru uzantıyı verin veya dosyayı yeniden kaydedin.",
    "encrypted_file": "Dosya parola korumalı. Parolayı kaldırıp yeniden gönderin.",
    "corrupt_file": "Dosya bozuk, okunamıyor. Açıp yeniden kaydedin ve yeni dosyayı gönderin.",
    "too_many_pages": "Belgede çok fazla sayfa var. Gerekli sayfaları gönderin.",
    "decompression_bomb": "Dosya açıldığında boyutunun izin verdiğinden çok büyüyor; okunmadı.",
    "image_too_large": "Resim çok büyük. Küçültüp yeniden gönderin.",
    "no_text": "Belgede metin bulunamadı. Metni olan bir belge veya daha net bir tarama gönderin.",
    "too_much_text": "Belgede çok fazla metin var. Daha kısa bir belge gönderin.",
    "too_expensive": "Belgeyi okumak izin verilenden çok zaman veya bellek istiyor. Daha az sayfa gönderin.",
    "too_many_chunks": "Belgeden çok fazla chunk çıkıyor. Daha büyük chunk_size veya daha küçük chunk_overlap verin.",
    "ocr_unavailable": "Belge bir resim ve bu kurulum resim okuyamıyor. Metni olan bir belge gönderin.",
    "file_not_kept": "Dosya kabul edilmediği için saklanmadı. Dosyayı yeniden gönderin.",
    "worker_lost": "Belgeyi işleyen işçi yanıt vermedi. İzin verilen kadar denendi.",
    "timed_out": "Belgenin işlenmesi izin verilenden uzun sürdü.",
    "internal_error": "Bizden kaynaklanan bir hata oluştu ve kaydedildi. Düzeltilince yeniden denenebilir.",
}


def say(code: str, **values: Any) -> str:
    """Return the sentence of a code in the request's language, with `values` filled in."""
    return MESSAGES[code][speaks_turkish()].format(**values)


def error_sentence(code: str, message: str) -> str:
    """Return a document's error in the request's language; `message` is what was stored, in English."""
    return TURKISH_ERRORS.get(code, message) if speaks_turkish() else message


def speaks_turkish() -> bool:
    return preferred().partition("-")[0] == "tr"
