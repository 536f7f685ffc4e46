from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ParsersConfig(AppConfig):
    name = "parsers"
    verbose_name = _("Sessions of documents")
