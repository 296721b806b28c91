from django.apps import AppConfig


class ConcordConfig(AppConfig):
    name = "config"
    verbose_name = "Concord"

    def ready(self) -> None:
        # Whatever Django starts can enqueue: this makes our Celery app the current one, not one that wants AMQP.
        import config.celery  # noqa: F401, PLC0415
