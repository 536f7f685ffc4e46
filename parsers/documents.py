"""A document at the door: what every kind that reads files asks for."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from rest_framework import serializers

from parsers.extraction import HEAD_BYTES, Limits, judge_type


class DocumentField(serializers.FileField):
    """An upload that extraction knows how to read, judged by its content and not by its name.

    Raises InvalidInput with a code that has a status of its own: 413 (too large), 415 (no document), 400 (empty).
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_empty_file=True, max_length=500, **options)

    def to_internal_value(self, data: Any) -> UploadedFile:
        file: Any = super().to_internal_value(data)
        head = file.read(HEAD_BYTES)
        file.seek(0)
        limits = Limits(upload_bytes=settings.MAX_UPLOAD_BYTES)
        file.media_type = str(judge_type(head, file.name or "", file.size or 0, limits))
        return file
