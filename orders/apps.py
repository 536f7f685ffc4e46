from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    name = "orders"
    verbose_name = _("Mails and orders")
    #: Fetch and answer mails, look up orders; to delete a mail takes an administrator. See jobs/roles.py.
    operator_may = ("change_mail",)

    def ready(self) -> None:
        from orders import checks  # noqa: F401  registers them
