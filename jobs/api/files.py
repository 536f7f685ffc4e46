"""/api/v1/files/: files that are sent before their job, and what became of all files of a person."""

from __future__ import annotations

import mimetypes
import uuid
from typing import Any

from django.conf import settings
from django.db.models import Q
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.http import urlencode
from rest_framework import serializers, status
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from jobs import sent_files
from jobs.api.downloads import send_file
from jobs.api.forms import refuse_several
from jobs.api.openapi import Answer, operation
from jobs.api.openapi.common import BYTES, FORBIDDEN, JOB_NOT_FOUND
from jobs.api.openapi.faults import OF_STORAGE
from jobs.api.problems import Problem
from jobs.api.serializers import LONGEST_PAGE, PAGE
from jobs.api.shapes.endings import FILE_NOT_KEPT
from jobs.api.shapes.many import FILE_TAKEN, SENT_FILE_NOT_FOUND, SentFileListShape, SentFileShape
from jobs.api.submissions import get_visible_job
from jobs.api.views import View, page_response
from jobs.door import FileTooLarge, refuse_unknown
from jobs.models import JobFile
from jobs.running import NOT_KEPT
from jobs.tokens.models import Scope


class FileUpload(serializers.Serializer):
    """One file, for a job that is submitted later."""

    file = serializers.FileField(allow_empty_file=True, max_length=500)

    refuses_unknown = True
    example = {"file": "(the bytes of cv.pdf)"}


class FilePage(serializers.Serializer):
    """Which files, and which page of them."""

    job = serializers.UUIDField(required=False, help_text="of this job, which may be anybody's that you may see")
    role = serializers.ChoiceField(choices=JobFile.Role.choices, required=False, help_text="sent, or made by a job")
    taken = serializers.BooleanField(required=False, default=None, allow_null=True, help_text="whether a job has it")
    cursor = serializers.UUIDField(required=False, help_text="from `next` of the page before")
    limit = serializers.IntegerField(
        required=False, min_value=1, max_value=LONGEST_PAGE, default=PAGE, help_text="of one page"
    )


class Files(View):
    parser_classes = [MultiPartParser]
    scopes = {"POST": Scope.SUBMIT}

    @operation(Answer(SentFileListShape, headers=("NextPage",)), parameters=[FilePage], faults=[JOB_NOT_FOUND])
    def get(self, request: Request) -> Response:
        """List files.

        Your own, newest first; or those of one job.
        """
        query = FilePage(data=request.query_params)
        query.is_valid(raise_exception=True)
        given = query.validated_data
        if "job" in given:
            files = JobFile.objects.filter(job=get_visible_job(request, given["job"]))
        else:
            files = JobFile.objects.filter(owner_id=request.user.pk)
        if "role" in given:
            files = files.filter(role=given["role"])
        if given["taken"] is not None:
            files = files.filter(job__isnull=not given["taken"])
        if "cursor" in given:
            files = files.filter(pk__lt=given["cursor"])
        found = list(files.order_by("-pk")[: given["limit"] + 1])
        page = found[: given["limit"]]
        following = None
        if len(found) > len(page):
            following = f"{request.path}?{urlencode(request.query_params.dict() | {'cursor': str(page[-1].pk)})}"
        return page_response([describe(file) for file in page], following)

    @operation({201: Answer(SentFileShape, headers=("Location",))}, form=FileUpload)
    def post(self, request: Request) -> Response:
        """Send a file before its job.

        A job names its id where it takes a file, within a day. What no job has taken by then is removed.
        """
        refuse_unknown(request.data, FileUpload().fields)
        refuse_several(request, ["file"], hint="Send one file in each request.")
        given = FileUpload(data=request.data)
        given.is_valid(raise_exception=True)
        upload = given.validated_data["file"]
        if (upload.size or 0) > settings.MAX_UPLOAD_BYTES:
            raise FileTooLarge
        name = upload.name or "file"
        media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
        body = describe(sent_files.keep(upload, name=name, media_type=media_type, owner=request.user))
        return Response(body, status=status.HTTP_201_CREATED, headers={"Location": body["links"]["self"]})


class OneFile(View):
    scopes = {"DELETE": Scope.SUBMIT}
    path_parameters = {"file_id": "The file's id."}

    @operation(SentFileShape, faults=[SENT_FILE_NOT_FOUND])
    def get(self, request: Request, file_id: uuid.UUID) -> Response:
        """Look at a file.

        What it is, and which job has it.
        """
        return Response(describe(_get(request, file_id)))

    @operation(
        {204: Answer(description="It is gone.")}, faults=[SENT_FILE_NOT_FOUND, FORBIDDEN, FILE_TAKEN, *OF_STORAGE]
    )
    def delete(self, request: Request, file_id: uuid.UUID) -> Response:
        """Delete a file.

        One that no job has taken. The files of a job go with it.
        """
        file = _get(request, file_id)
        if file.owner_id != request.user.pk:
            raise Problem(403, "You may look at this file, but only its owner may delete it.", code="forbidden")
        if not sent_files.forget(file):
            raise Problem(409, "A job has this file. It goes with the job: delete that.", code="file_taken")
        return Response(status=status.HTTP_204_NO_CONTENT)


class Content(View):
    path_parameters = {"file_id": "The file's id."}

    # The file is what it is, whatever the client accepts.
    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        return super().perform_content_negotiation(request, force=True)

    @operation(
        Answer(BYTES, "The file as it is.", media="*/*", headers=("ContentDisposition", "ETag")),
        faults=[SENT_FILE_NOT_FOUND, FILE_NOT_KEPT, *OF_STORAGE],
    )
    def get(self, request: Request, file_id: uuid.UUID) -> HttpResponseBase:
        """Download a file.

        With the type that its content has; what a browser would run comes as application/octet-stream.
        """
        file = _get(request, file_id)
        if not file.file:
            raise Problem(404, "The file was refused and not kept; its job says why.", code=NOT_KEPT)
        return send_file(request, file)


def describe(file: JobFile) -> dict[str, Any]:
    """Return one file as this room shows it. job: None until one has taken it, which it has to before expires_at."""
    return {
        "id": str(file.pk),
        "job": str(file.job_id) if file.job_id else None,
        "role": file.role,
        "name": file.name,
        "size": file.size,
        "media_type": file.media_type,
        "sha256": file.sha256,
        "created_at": file.created_at,
        "expires_at": file.expires_at,
        "links": {
            "self": reverse("api:file", args=[file.pk]),
            "content": reverse("api:file-content", args=[file.pk]),
            **({"job": reverse("api:job", args=[file.job_id])} if file.job_id else {}),
        },
    }


def _get(request: Request, file_id: uuid.UUID) -> JobFile:
    """Return a file: one's own, or of a job one may see. Raises a 404 problem, the same for foreign as for none."""
    mine = Q(owner_id=request.user.pk)
    visible = mine | Q(job__isnull=False) if request.user.is_staff else mine
    try:
        return JobFile.objects.get(visible, pk=file_id)
    except JobFile.DoesNotExist:
        raise Problem(404, "There is no such file, or it is not yours.", code="file_not_found") from None
