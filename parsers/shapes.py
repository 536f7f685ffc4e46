"""What seed 001 answers, as the API's description shows it. `serializers.py` makes it; a test holds both together."""

from __future__ import annotations

from rest_framework import serializers

from jobs.api.openapi import Fault
from jobs.api.openapi.endings import OF_ENGINE, OF_PROVIDERS, endings
from jobs.api.problems import STATUS_OF_CODE
from jobs.states import UNFINISHED, State
from parsers.extraction import faults
from parsers.language import LANGUAGES
from parsers.serializers import WORDS, extraction_limits

_JOB_ID = "550e8400-e29b-41d4-a716-446655440000"
_STATUS = "`processing` until it has ended; `failed` also when it was cancelled"
_LANGUAGE = "of the CV; null: not known (yet)"
_DATE = "`YYYY` or `YYYY-MM`"


class AcceptedCVShape(serializers.Serializer):
    """The CV was taken and is a job."""

    job_id = serializers.UUIDField()
    status = serializers.ChoiceField(WORDS.choices())
    message = serializers.CharField(help_text="says where to look")

    example = {
        "job_id": _JOB_ID,
        "status": "processing",
        "message": f"Job created successfully. Check status at /api/v1/parser/job/{_JOB_ID}",
    }


class _CVShape(serializers.Serializer):
    user_id = serializers.CharField(help_text="your own label, as it was sent")
    session_id = serializers.CharField(help_text="your own label, as it was sent")
    file_name = serializers.CharField(
        allow_null=True, help_text="as it was sent, made safe; null once the file has expired"
    )
    cv_language = serializers.ChoiceField(LANGUAGES, allow_null=True, help_text=_LANGUAGE)
    processing_time_seconds = serializers.FloatField(
        allow_null=True, help_text="of the attempt that ended it; null before"
    )
    status = serializers.ChoiceField(WORDS.choices(), help_text=_STATUS)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class CVStatusShape(_CVShape):
    """How a CV's job stands."""

    job_id = serializers.UUIDField()
    error_message = serializers.CharField(allow_null=True, help_text="why it failed; null: it did not")

    example = {
        "job_id": _JOB_ID,
        "status": "success",
        "user_id": "user123",
        "session_id": "session456",
        "file_name": "cv.pdf",
        "cv_language": "en",
        "processing_time_seconds": 3.45,
        "error_message": None,
        "created_at": "2025-11-16T10:30:00.000Z",
        "updated_at": "2025-11-16T10:30:03.000Z",
    }


class BasicsShape(serializers.Serializer):
    """Who this is professionally."""

    profession = serializers.CharField(allow_null=True)
    total_experience_in_years = serializers.FloatField(allow_null=True, min_value=0)
    summary = serializers.CharField(allow_null=True)
    has_driving_license = serializers.BooleanField(allow_null=True, help_text="null: the CV does not say")
    skills = serializers.ListField(child=serializers.CharField())


class ExperienceShape(serializers.Serializer):
    """One position."""

    title = serializers.CharField(allow_null=True)
    company = serializers.CharField(allow_null=True)
    start = serializers.CharField(allow_null=True, help_text=_DATE)
    end = serializers.CharField(allow_null=True, help_text=f"{_DATE}; null while `is_current`")
    is_current = serializers.BooleanField()
    summary = serializers.CharField(allow_null=True, help_text="null in the mode `basic`")


class EducationShape(serializers.Serializer):
    """One school."""

    school = serializers.CharField(allow_null=True)
    degree = serializers.CharField(allow_null=True)
    field = serializers.CharField(allow_null=True)
    start = serializers.CharField(allow_null=True, help_text=_DATE)
    end = serializers.CharField(allow_null=True, help_text=_DATE)


class ProfileShape(serializers.Serializer):
    """A CV without personal data."""

    basics = BasicsShape()
    professional_experiences = ExperienceShape(many=True)
    education = EducationShape(many=True)


class ParsedDataShape(serializers.Serializer):
    """What was read from the CV."""

    profile = ProfileShape()
    cv_language = serializers.ChoiceField(LANGUAGES, allow_null=True, help_text=_LANGUAGE)


class CVResultShape(_CVShape):
    """The profile of a CV."""

    id = serializers.UUIDField(help_text="of the job")
    stored_file_path = serializers.CharField(
        allow_null=True, help_text="in the server's storage; null once the file has expired"
    )
    parsed_data = ParsedDataShape()

    example = {
        "id": _JOB_ID,
        "user_id": "user123",
        "session_id": "session456",
        "stored_file_path": "cv_parser/cv_20251116_103000_550e8400.pdf",
        "parsed_data": {
            "profile": {
                "basics": {
                    "profession": "Software Engineer",
                    "total_experience_in_years": 5,
                    "summary": "Experienced software engineer with expertise in Python and cloud technologies.",
                    "has_driving_license": True,
                    "skills": ["Python", "PostgreSQL"],
                },
                "professional_experiences": [
                    {
                        "title": "Software Engineer",
                        "company": "Example Ltd",
                        "start": "2020-11",
                        "end": None,
                        "is_current": True,
                        "summary": "Built the ordering service.",
                    }
                ],
                "education": [
                    {
                        "school": "Example University",
                        "degree": "BSc",
                        "field": "Computer Engineering",
                        "start": "2016",
                        "end": "2020",
                    }
                ],
            },
            "cv_language": "en",
        },
        "cv_language": "en",
        "file_name": "cv.pdf",
        "processing_time_seconds": 3.45,
        "status": "success",
        "created_at": "2025-11-16T10:30:00.000Z",
        "updated_at": "2025-11-16T10:30:03.000Z",
    }


class UnfinishedCVShape(serializers.Serializer):
    """Which job has no result, and how it stands."""

    job_id = serializers.UUIDField(required=False)
    job = CVStatusShape(required=False)

    example = {
        "job_id": _JOB_ID,
        "job": CVStatusShape.example | {"status": "processing", "cv_language": None, "processing_time_seconds": None},
    }


class CVPlaceShape(serializers.Serializer):
    """Where the job is that this request did not see the end of."""

    job_id = serializers.UUIDField(required=False)
    status_url = serializers.CharField(required=False, help_text="ask there")

    example = {"job_id": _JOB_ID, "status_url": f"/api/v1/parser/job/{_JOB_ID}"}


DistributionShape = type(
    "DistributionShape",
    (serializers.Serializer,),
    {
        "__doc__": "Jobs by what the API calls their state.",
        **{word: serializers.IntegerField(min_value=0) for word in WORDS.choices()},
    },
)


class MonitoringShape(serializers.Serializer):
    """How CVs have been doing: everybody's, in numbers."""

    hours = serializers.IntegerField(help_text="jobs that were created so many hours ago at most")
    total = serializers.IntegerField(min_value=0)
    distribution = DistributionShape()
    average_processing_time_seconds = serializers.FloatField(allow_null=True, help_text="null: none has succeeded")
    failure_rate = serializers.FloatField(
        allow_null=True, min_value=0, max_value=1, help_text="failed of those that ended; null: none has"
    )
    errors = serializers.DictField(  # type: ignore[assignment]
        child=serializers.IntegerField(min_value=1), help_text="failed jobs by the code of their error"
    )

    example = {
        "hours": 24,
        "total": 12,
        "distribution": {"processing": 1, "success": 10, "failed": 1},
        "average_processing_time_seconds": 3.45,
        "failure_rate": 0.0909,
        "errors": {"no_text": 1},
    }


# --- errors ---------------------------------------------------------------------------------------------------

#: What is wrong with documents, by code, as people read it.
OF_DOCUMENTS = {code: faults.invalid(code, extraction_limits(), named="PDF").message for code in faults.SENTENCES}
#: What the first bytes of a document and its size show: refused at the door, before there is a job.
AT_THE_DOOR = tuple(
    Fault(STATUS_OF_CODE.get(code, 400), code, OF_DOCUMENTS[code])
    for code in (
        "empty_file", "file_too_large", "unsupported_type", "type_mismatch", "encrypted_file", "image_too_large",
    )
)  # fmt: skip
OF_TEXTS = (
    Fault(400, "empty_text", "The text is empty. Send the CV's text in `text`."),
    Fault(400, "too_much_text", "The text is longer than a CV may be. Send the CV alone."),
)
#: Why a CV has no profile.
OF_CVS = {
    **OF_DOCUMENTS,
    **OF_PROVIDERS,
    "text_too_long": "The text is too long for the language model.",
    "refused": "The language model refused to answer.",
    **OF_ENGINE,
}
STILL_PROCESSING = Fault(
    504, "still_processing", "The CV is not done yet. The job goes on: ask for its status.", CVPlaceShape
)
UNREADABLE = endings(422, OF_CVS, CVPlaceShape)
#: A job has a result or one of these.
NO_RESULT = (
    *(
        Fault(409, f"job_{state}", "The CV is not done yet. Ask again when the status is `success`.", UnfinishedCVShape)
        for state in sorted(UNFINISHED)
    ),
    Fault(409, f"job_{State.CANCELLED}", "The job was cancelled.", UnfinishedCVShape),
    *endings(409, OF_CVS, UnfinishedCVShape),
)
