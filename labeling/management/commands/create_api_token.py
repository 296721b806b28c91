"""`manage.py create_api_token`: a token with which a program acts for an account."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from labeling.base.refusals import TokenRefused
from labeling.base.states import ApiScope
from labeling.people.tokens.services import make_token


class Command(BaseCommand):
    help = "Make a token with which a program uses the API as an account. It is shown once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username", help="The account. It needs the permissions as well.")
        parser.add_argument("--name", default="made at the command line", help="What uses it.")
        parser.add_argument(
            "--scope",
            dest="scopes",
            action="append",
            required=True,
            choices=[scope.value for scope in ApiScope],
            help="What it is for; may be given several times.",
        )
        parser.add_argument("--days", type=int, help="How many days it works. Without it: until it is revoked.")

    def handle(self, *_args: Any, **options: Any) -> None:
        user = User.objects.filter(username=User.normalize_username(options["username"])).first()
        if user is None:
            raise CommandError(f"There is no account named {options['username']}.")
        expires_at = None if options["days"] is None else timezone.now() + timedelta(days=options["days"])
        scopes = [ApiScope(scope) for scope in options["scopes"]]
        try:
            _token, secret = make_token(user=user, name=options["name"], scopes=scopes, expires_at=expires_at)
        except (TokenRefused, OverflowError) as refused:
            raise CommandError(str(refused)) from refused
        self.stdout.write(secret)
