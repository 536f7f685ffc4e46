"""/api/v1/problems/: what each code of an error means, for programs and their makers."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from rest_framework.request import Request
from rest_framework.response import Response

from jobs.api import problem_types
from jobs.api.openapi import operation
from jobs.api.problem_types import ProblemType
from jobs.api.problems import Problem
from jobs.api.shapes.catalogue import PROBLEM_NOT_FOUND, ProblemTypeListShape, ProblemTypeShape
from jobs.api.views import View


class ProblemTypes(View):
    tag = "description"

    @operation(ProblemTypeListShape)
    def get(self, request: Request) -> Response:
        """List the codes of errors.

        Every code that an error may have, what it means, and what to do.
        """
        return Response({"results": [describe(type) for type in problem_types.all_types()]})


class OneProblemType(View):
    tag = "description"
    path_parameters = {"code": "The `code` of an error."}

    @operation(ProblemTypeShape, faults=[PROBLEM_NOT_FOUND])
    def get(self, request: Request, code: str) -> Response:
        """Look up the code of an error.

        What it means, and what to do.
        """
        found = problem_types.find(code)
        if found is None:
            raise Problem(404, "No problem has this code. /api/v1/problems/ has all.", code="problem_not_found")
        return Response(describe(found))


def describe(type: ProblemType) -> dict[str, Any]:
    return {
        "type": type.uri,
        "code": type.code,
        "status": type.status,
        "title": type.title,
        "meaning": type.meaning,
        "what_to_do": type.what_to_do,
        "retry": type.retry,
        "links": {"self": reverse("api:problem", args=[type.code])},
    }
