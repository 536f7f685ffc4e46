"""The words of seed 004 for the states of a job (WIRE.md, column 004), and of failures in Turkish."""

from __future__ import annotations

from jobs.states import State, Vocabulary

WORDS = Vocabulary(
    "orders",
    {
        State.PENDING: "pending",
        State.QUEUED: "pending",
        State.PROCESSING: "processing",
        State.SUCCEEDED: "completed",
        State.FAILED: "failed",
        State.CANCELLED: "failed",
    },
)
#: What seed 004 calls the kind `orders.fetch_order`.
TYPE = "fetch_ikas_order"

#: What went wrong, by code, for pages in Turkish; in English the server says it itself.
TURKISH_ERRORS = {
    "mailbox_not_found": "Posta kutusu veya klasör bulunamadı. Yöneticinin ayarları denetlemesi gerekir.",
    "mailbox_refused_login": "Posta kutusu girişimizi reddetti. Yöneticinin parolayı denetlemesi gerekir.",
    "mailbox_insecure": "Posta kutusuna güvenli bağlanılamıyor. Yöneticinin ayarları denetlemesi gerekir.",
    "mailbox_renumbered": "Posta kutusu e-postaları yeniden numaraladı. Yeniden denenecek.",
    "mailbox_unavailable": "Posta kutusu yanıt veremedi. Yeniden denenecek.",
    "mail_deleted": "E-posta silindi.",
    "mail_not_found": "Böyle bir e-posta yok; silinmiş olabilir.",
    "draft_changed": "Bu arada taslağı başkası değiştirdi. Bakıp yeniden karar verin.",
    "draft_state": "Taslak artık bu işleme uygun değil.",
    "no_draft": "Açık taslak yok. Yeni bir taslak yazdırın.",
    "claims_unmatched": "Taslaktaki bazı ifadeler siparişte yok. Değiştirin veya denetlediğinizi belirtin.",
    "order_changed": "Taslaktan sonra sipariş değişti. Yeni taslak yazdırın veya metninizi yeniden kaydedin.",
    "thread_changed": "Müşteri yeniden yazdı. Önce o e-postayı okuyun.",
    "order_stale": "Siparişle ilgili bilgi bir saatten eski. Önce yenileyin.",
    "no_recipient": "E-postada yanıtın gidebileceği bir adres yok.",
    "reply_under_way": "Bu e-postaya bir yanıt yolda veya gitmiş olabilir. Önce onu sonuçlandırın.",
    "still_processing": "Taslak henüz yazılmadı. İş sürüyor, taslak e-postanın yanında olacak.",
    "no_worker": "Çalışan işçi yok. İşler güvende, bir işçi bekliyor.",
    "outcome_unknown": "Sunucu yanıtı alıp almadığını söylemedi. Gönderilmiş e-postalara bakıp sayfada belirtin.",
    "recipient_refused": "E-posta sunucusu alıcıyı tanımıyor. Hiçbir şey gönderilmedi.",
    "message_refused": "E-posta sunucusu yanıtı reddetti. Hiçbir şey gönderilmedi.",
    "sender_refused": "E-posta sunucusu adresimizi reddetti. Yöneticinin MAIL_FROM ayarını denetlemesi gerekir.",
    "order_not_found": "Bu sipariş bu e-posta için bulunmadı. Önce arayın.",
    "provider_rate_limited": "Mağaza şimdilik istek almıyor. İş, alınca sürer.",
    "provider_unreachable": "Servise ulaşılamadı. Yeniden denenecek.",
    "provider_unavailable": "Servis yanıt veremedi. Yeniden denenecek.",
    "provider_timed_out": "Servis zamanında yanıt vermedi. Yeniden denenecek.",
    "provider_bad_answer": "Servisten kullanılamayan bir yanıt geldi. Yeniden denenecek.",
    "provider_refused_key": "Servis anahtarımızı reddetti. Yöneticinin denetlemesi gerekir.",
    "provider_refused_request": "Servis isteği reddetti. Yöneticinin ayarları denetlemesi gerekir.",
}
