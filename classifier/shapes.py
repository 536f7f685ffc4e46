"""What seed 003 answers, as the API's description shows it. `serializers.py` makes it."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from classifier.detectors import NAMES
from classifier.operations import STAGES
from classifier.policy import CATEGORIES, CONFIDENTIAL
from classifier.providers import OPENAI, RULES
from classifier.serializers import DOCUMENT_WORDS, JOB_WORDS, BatchRequest
from jobs.api.openapi import Fault
from jobs.api.openapi.endings import OF_ENGINE, OF_PROVIDERS, endings
from jobs.models import HIGHEST_PRIORITY, LOWEST_PRIORITY
from parsers.language import LANGUAGES
from parsers.shapes import OF_DOCUMENTS

_BATCH = "550e8400-e29b-41d4-a716-446655440000"
_DOCUMENT = "550e8400-e29b-41d4-a716-446655440001"
_BEGAN, _NOW = "2025-11-09T10:30:00.000Z", "2025-11-09T10:35:23.000Z"
_LABEL = "your own label, as it was sent"


class BatchUploadInput(BatchRequest):
    """Documents to classify."""

    files = serializers.ListField(
        min_length=1, child=serializers.FileField(), help_text="PDF, DOCX, text or images; each part has a file name"
    )

    example = {"files": ["(one file's bytes)", "(another's)"], "priority": 5}


class UploadedShape(serializers.Serializer):
    """The document was taken and is being classified."""

    doc_id = serializers.UUIDField()
    filename = serializers.CharField(allow_null=True, help_text="as it was sent, made safe; null once it has expired")
    status = serializers.ChoiceField(DOCUMENT_WORDS.choices())
    message = serializers.CharField(help_text="says where to look")

    example = {
        "doc_id": _DOCUMENT,
        "filename": "document1.pdf",
        "status": "pending",
        "message": f"Document uploaded. Classify it at /classify/{_DOCUMENT}",
    }


class FindingShape(serializers.Serializer):
    """A place in the document that counts."""

    detector = serializers.ChoiceField(NAMES)
    page = serializers.IntegerField(min_value=1)
    span = serializers.ListField(
        child=serializers.IntegerField(min_value=0), min_length=2, max_length=2, help_text="[start, end] on the page"
    )
    excerpt = serializers.CharField(help_text="what stands there, with values masked")

    example = {"detector": "email", "page": 1, "span": [10, 24], "excerpt": "write to a●●●@●●●"}


class DetectorShape(serializers.Serializer):
    """What one detector found in all of the document."""

    name = serializers.ChoiceField(NAMES)
    count = serializers.IntegerField(min_value=1)
    shown = serializers.IntegerField(min_value=0, help_text="how many of them are in `evidence`")
    category = serializers.ChoiceField(CATEGORIES, help_text="what so many of them make of a document")
    hard = serializers.BooleanField(help_text="no opinion of a language model can lower it")

    example = {"name": "email", "count": 2, "shown": 1, "category": CONFIDENTIAL, "hard": False}


class ClassificationShape(serializers.Serializer):
    """How sensitive a document is, and why."""

    final_category = serializers.ChoiceField(CATEGORIES)
    confidence = serializers.FloatField(min_value=0, max_value=1)
    reasons = serializers.ListField(child=serializers.CharField(), help_text="sentences, what decided first")
    reasons_tr = serializers.ListField(child=serializers.CharField(), help_text="the same in Turkish")
    evidence = FindingShape(many=True, help_text="a few places of each detector")
    detectors = DetectorShape(many=True, help_text="those that found something, the most serious first")
    readable = serializers.BooleanField(help_text="false: nobody could read it, so it is never Public")
    language = serializers.ChoiceField(LANGUAGES, allow_null=True, help_text="null: not known")
    provider = serializers.ChoiceField((RULES, OPENAI), help_text="who judged; `openai`: the rules and a model")
    pages = serializers.IntegerField(min_value=0)
    ocr_used = serializers.BooleanField()
    embedded_images = serializers.IntegerField(min_value=0, help_text="pictures, at which nobody looked")
    warnings = serializers.ListField(child=serializers.CharField(), help_text="what could not be looked at")
    seconds = serializers.FloatField(min_value=0)

    example: dict[str, Any] = {
        "final_category": CONFIDENTIAL,
        "confidence": 0.9,
        "reasons": ["It has 2 e-mail addresses of persons."],
        "reasons_tr": ["Kişilere ait 2 e-posta adresi var."],
        "evidence": [FindingShape.example],
        "detectors": [DetectorShape.example],
        "readable": True,
        "language": "en",
        "provider": RULES,
        "pages": 3,
        "ocr_used": False,
        "embedded_images": 0,
        "warnings": [],
        "seconds": 0.412,
    }


class _DocumentShape(serializers.Serializer):
    doc_id = serializers.UUIDField()
    filename = serializers.CharField(allow_null=True, help_text="null once the file has expired")
    status = serializers.ChoiceField(DOCUMENT_WORDS.choices(), help_text="`failed` also when it was cancelled")
    progress = serializers.FloatField(min_value=0, max_value=100)
    stage = serializers.CharField(allow_blank=True, help_text=f"the last it reached: {', '.join(STAGES)}")
    error = serializers.CharField(allow_null=True, help_text="why it failed, for people")
    error_code = serializers.CharField(allow_null=True, help_text="the same for programs")
    seq = serializers.IntegerField(help_text="number of its latest event")


class ClassifiedDocumentShape(_DocumentShape):
    """A document and its classification."""

    job_id = serializers.UUIDField(allow_null=True, help_text="its batch; null: it was sent alone")
    classification = ClassificationShape(allow_null=True, help_text="null: not done, or failed")
    user_id = serializers.CharField(allow_blank=True, help_text=_LABEL)
    session_id = serializers.CharField(allow_blank=True, help_text=_LABEL)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    example: dict[str, Any] = {
        "doc_id": _DOCUMENT,
        "job_id": _BATCH,
        "filename": "document1.pdf",
        "status": "completed",
        "progress": 100.0,
        "stage": STAGES[-1],
        "classification": ClassificationShape.example,
        "error": None,
        "error_code": None,
        "seq": 7,
        "user_id": "",
        "session_id": "",
        "created_at": _BEGAN,
        "updated_at": _NOW,
    }


class ClassifiedNowShape(ClassificationShape, ClassifiedDocumentShape):
    """A document's classification, beside the document itself."""

    example = ClassificationShape.example | ClassifiedDocumentShape.example | {"job_id": None}


class ClassifyMemberShape(_DocumentShape):
    """One document of a batch."""

    filename = serializers.CharField(allow_blank=True)
    category = serializers.ChoiceField(CATEGORIES, allow_null=True)
    confidence = serializers.FloatField(allow_null=True, min_value=0, max_value=1)

    example = {
        "doc_id": _DOCUMENT,
        "filename": "document1.pdf",
        "status": "completed",
        "progress": 100.0,
        "stage": STAGES[-1],
        "category": CONFIDENTIAL,
        "confidence": 0.9,
        "error": None,
        "error_code": None,
        "seq": 7,
    }


class UploadedBatchShape(serializers.Serializer):
    """The documents were taken and are a batch."""

    job_id = serializers.UUIDField()
    total_files = serializers.IntegerField(min_value=1)
    status = serializers.ChoiceField(JOB_WORDS.choices())
    message = serializers.CharField(help_text="says how many were taken, and where to look")

    example = {
        "job_id": _BATCH,
        "total_files": 10,
        "status": "pending",
        "message": "Batch upload initiated. Successfully queued 10 documents.",
    }


class ClassifyTotalsShape(serializers.Serializer):
    """A batch in numbers."""

    job_id = serializers.UUIDField()
    status = serializers.ChoiceField(JOB_WORDS.choices())
    total_files = serializers.IntegerField(min_value=0)
    completed = serializers.IntegerField(min_value=0, help_text="documents")
    failed = serializers.IntegerField(min_value=0, help_text="documents")
    progress = serializers.FloatField(min_value=0, max_value=100, help_text="the average of the documents'")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    example = {
        "job_id": _BATCH,
        "status": "completed",
        "total_files": 10,
        "completed": 9,
        "failed": 1,
        "progress": 100.0,
        "created_at": _BEGAN,
        "updated_at": _NOW,
    }


class ClassifyBatchShape(ClassifyTotalsShape):
    """A batch and every document in it."""

    documents = ClassifyMemberShape(many=True)
    error = serializers.CharField(allow_null=True)
    error_code = serializers.CharField(allow_null=True)
    stage = serializers.CharField(allow_blank=True)
    seq = serializers.IntegerField(help_text="number of its latest event")
    priority = serializers.IntegerField(min_value=LOWEST_PRIORITY, max_value=HIGHEST_PRIORITY)
    user_id = serializers.CharField(allow_blank=True, help_text=_LABEL)
    session_id = serializers.CharField(allow_blank=True, help_text=_LABEL)

    example: dict[str, Any] = ClassifyTotalsShape.example | {
        "status": "processing",
        "total_files": 3,
        "completed": 1,
        "failed": 1,
        "progress": 86.67,
        "documents": [
            ClassifyMemberShape.example,
            ClassifyMemberShape.example
            | {
                "doc_id": "550e8400-e29b-41d4-a716-446655440002",
                "filename": "document2.pdf",
                "status": "processing",
                "progress": 60.0,
                "stage": "checked",
                "category": None,
                "confidence": None,
            },
            ClassifyMemberShape.example
            | {
                "doc_id": "550e8400-e29b-41d4-a716-446655440003",
                "filename": "document3.pdf",
                "status": "failed",
                "progress": 10.0,
                "stage": "started",
                "category": None,
                "confidence": None,
                "error": OF_DOCUMENTS["corrupt_file"],
                "error_code": "corrupt_file",
            },
        ],
        "error": None,
        "error_code": None,
        "stage": "",
        "seq": 12,
        "priority": 5,
        "user_id": "",
        "session_id": "",
    }


class ClassifyBatchListShape(serializers.Serializer):
    """A page of batches, newest first."""

    total = serializers.IntegerField(min_value=0, help_text="of all pages")
    jobs = ClassifyTotalsShape(many=True)
    next = serializers.CharField(allow_null=True, help_text="address of the next page; null: this is the last")

    example = {"total": 1, "jobs": [ClassifyTotalsShape.example], "next": None}


class ClassifyAnswerShape(ClassifyTotalsShape):
    """How the batch stands now, and what was done."""

    message = serializers.CharField()

    example = ClassifyTotalsShape.example | {
        "status": "cancelled",
        "message": "The batch is cancelled. Documents that were done stay; running ones stop within two seconds.",
    }


class ClassifyExportShape(ClassifyTotalsShape):
    """A batch's results."""

    documents = ClassifiedDocumentShape(many=True)

    example: dict[str, Any] = ClassifyTotalsShape.example | {"documents": [ClassifiedDocumentShape.example]}


CSV = {
    "type": "string",
    "example": "doc_id,filename,status,category,confidence,readable,language,detectors,reasons,error\r\n"
    f"{_DOCUMENT},document1.pdf,completed,Confidential,0.9,True,en,email 2,It has 2 e-mail addresses of persons.,\r\n",
}


class ForgottenDocumentShape(serializers.Serializer):
    """What is left of a document that was deleted."""

    doc_id = serializers.CharField(help_text="as it was asked for")
    digest = serializers.CharField(help_text="SHA-256 of what was deleted")
    deleted_at = serializers.DateTimeField()

    example = {
        "doc_id": _DOCUMENT,
        "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "deleted_at": _NOW,
    }


# --- errors ---------------------------------------------------------------------------------------------------


class DocumentPlaceShape(serializers.Serializer):
    """Where the document is that this request did not see the end of."""

    doc_id = serializers.CharField(required=False)
    status_url = serializers.CharField(required=False, help_text="ask there")

    example = {"doc_id": _DOCUMENT, "status_url": f"/documents/{_DOCUMENT}"}


class BatchFaultShape(serializers.Serializer):
    """How the batch stands that a problem is about."""

    job_id = serializers.UUIDField(required=False)
    job_status = serializers.ChoiceField(JOB_WORDS.choices(), required=False)

    example = {"job_id": _BATCH, "job_status": "completed"}


DOCUMENT_NOT_FOUND = Fault(404, "document_not_found", "There is no such document, or it is not yours.")
BATCH_NOT_FOUND = Fault(404, "batch_not_found", "There is no such batch, or it is not yours.")
STILL_PROCESSING = Fault(
    504,
    "still_processing",
    "The document is not done yet. It is being worked on: ask for it later.",
    DocumentPlaceShape,
)
STILL_STOPPING = Fault(
    409,
    "still_stopping",
    "The document is still being worked on and was told to stop. Delete it in a moment.",
    DocumentPlaceShape,
    headers=("RetryAfter",),
)
JOB_ENDED = Fault(409, "job_ended", "The batch has already ended: there is nothing to stop.", BatchFaultShape)
NOTHING_TO_RETRY = Fault(
    409, "nothing_to_retry", "No document of this batch has failed, or their files are gone.", BatchFaultShape
)
#: Why a document has no classification.
UNCLASSIFIED = endings(
    422,
    {
        **OF_DOCUMENTS,
        **OF_PROVIDERS,
        "file_expired": "The file has expired and was deleted. Send it again.",
        "file_not_kept": "The file was refused when it was sent, and not kept. Send it again.",
        **OF_ENGINE,
    },
    DocumentPlaceShape,
)
