"""The words of seed 002 for the states of a job (WIRE.md, column 002), and of its failures in Turkish."""

from __future__ import annotations

from jobs.states import State, Vocabulary

WORDS = Vocabulary(
    "imaging",
    {
        State.PENDING: "pending",
        State.QUEUED: "queued",
        State.PROCESSING: "processing",
        State.SUCCEEDED: "complete",
        State.FAILED: "error",
        State.CANCELLED: "error",
    },
)

#: What went wrong, by code, for pages in Turkish; in English the server says it itself.
TURKISH_ERRORS = {
    "prompt_refused": "Bu istek kabul edilmiyor. Başka sözcüklerle yazın.",
    "size_refused": "Resim servisi bu boyutta boyamıyor. 1024 x 1024, 1536 x 1024 veya 1024 x 1536 deneyin.",
    "out_of_memory": "GPU'da bu resim için yeterli boş bellek yok. Daha küçük bir resim sığabilir.",
    "resource_taken": "GPU bu işten yöneticiler tarafından alındı.",
    "worker_lost": "Resmi boyayan işçi yanıt vermez oldu. İzin verilen sayıda denendi.",
    "timed_out": "Resmin boyanması izin verilenden uzun sürdü. Daha az adım veya daha küçük bir boyut deneyin.",
    "internal_error": "Bizden kaynaklanan bir hata oluştu ve kaydedildi; giderilince yeniden deneyin.",
    "provider_unreachable": "Resim servisine ulaşılamadı.",
    "provider_unavailable": "Resim servisi yanıt veremedi.",
    "provider_timed_out": "Resim servisi zamanında yanıt vermedi.",
    "provider_bad_answer": "Resim servisinden kullanılamayan bir yanıt geldi.",
    "provider_quota": "Resim servisinin hesabında kredi kalmadı. Yöneticinin eklemesi gerekir.",
    "provider_refused_key": "Resim servisi anahtarımızı reddetti. Yöneticinin denetlemesi gerekir.",
    "provider_refused_request": "Resim servisi isteği reddetti. Yöneticinin ayarları denetlemesi gerekir.",
    "model_not_loaded": "Model yüklenemedi. Yöneticinin IMAGE_MODEL_DIR klasörünü denetlemesi gerekir.",
    "not_installed": "Gerekli paketler kurulu değil. Yöneticinin `gpu` ekini kurması gerekir.",
}
