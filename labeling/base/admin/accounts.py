"""Users and groups of Django, in the theme's forms. Labelers get their account with their profile (labelers.py)."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, User
from rest_framework.authtoken.models import TokenProxy
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from labeling.base.admin.nouns import ThemedAdmin

admin.site.unregister(User)
admin.site.unregister(Group)
admin.site.unregister(TokenProxy)  # its list shows every key; `manage.py drf_create_token NAME` makes one


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User], ThemedAdmin):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ThemedAdmin):
    pass
