from django.apps import AppConfig


class MainConfig(AppConfig):
    name = "main"
    verbose_name = "The house"

    def ready(self) -> None:
        from main import wiring

        wiring.connect()
