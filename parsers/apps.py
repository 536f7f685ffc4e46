from django.apps import AppConfig


class ParsersConfig(AppConfig):
    name = "parsers"
