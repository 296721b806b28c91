from django.contrib.auth.views import LogoutView
from django.urls import include, path

from labeling.api.views import addresses
from labeling.base.views import favicon
from labeling.campaigns.views import acknowledge_instructions, instructions
from labeling.console.views.csv_files import table_as_csv
from labeling.console.views.metrics import metrics
from labeling.desk.views.drafts import earlier, go_on, restore
from labeling.desk.views.next_work import next_work
from labeling.desk.views.preview import PreviewView
from labeling.home.views import day, first_campaign, history, overview
from labeling.kinds_of_work import HANDED_OUT, KINDS, PAGES
from labeling.onboarding.invitations.views import join
from labeling.onboarding.path.views import path as way_in
from labeling.onboarding.screening.views import about_you, grading, grading_demonstration
from labeling.pay.surveys.views import survey
from labeling.pay.views.me import me, others
from labeling.people.second_factor.views.log_in import login_code
from labeling.people.second_factor.views.setting_up import two_factor
from labeling.people.sessions.views import end_other_sessions, end_session, sessions
from labeling.people.views.login import LoginView
from labeling.people.views.password import ChangePasswordView, NewPasswordView
from labeling.people.views.preferences import preferences
from labeling.people.views.reading import reading
from labeling.playground.views import addresses as playground
from labeling.quality.gold.views import answer
from labeling.review.views import changes, reviews, threads
from labeling.serving.views.chat import addresses as policy
from labeling.writing.suggestions.views import live

# A page and its buttons have names that begin alike, which tells where a button leads back to (base/views.py).
ALL = {"kinds": KINDS}
TABLES = {"tables": {pages.page: pages.table for pages in PAGES}}

urlpatterns = [
    path("", include(policy)),  # first: looking through the hundred others takes 0.1 of the gateway's 5 ms
    path("", overview, ALL, name="overview"),
    path("favicon.ico", favicon, name="favicon"),
    path("metrics", metrics, name="metrics"),
    path("control/<slug:name>.csv", table_as_csv, name="control_csv"),
    path("login/", LoginView.as_view(), name="login"),
    path("login/code/", login_code, name="login_code"),
    path("two-factor/", two_factor, name="two_factor"),
    path("sessions/", sessions, name="sessions"),
    path("sessions/<int:pk>/end/", end_session, name="sessions_end"),
    path("sessions/end-others/", end_other_sessions, name="sessions_end_others"),
    path("password/", ChangePasswordView.as_view(), name="password"),
    path("password/new/<uidb64>/<token>/", NewPasswordView.as_view(), name="new_password"),
    path("join/<str:secret>/", join, name="join"),
    path("path/", way_in, name="path"),
    path("path/about-you/", about_you, name="about_you"),
    path("grading/", grading, name="grading"),
    path("grading/<int:pk>/", grading_demonstration, name="grading_demonstration"),
    path("logout/", LogoutView.as_view(), name="logout"),
    *(path(f"next/{kind.name}/", next_work, {"kind": kind}, name=f"next_{kind.name}") for kind in HANDED_OUT),
    *(url for pages in PAGES for url in pages.urls()),
    *(url for kind in KINDS.values() for url in kind.urls()),
    path("compose/live/<uuid:request_token>/", live, name="compose_live"),
    path("drafts/<uuid:token>/", earlier, TABLES, name="drafts"),
    path("drafts/<uuid:token>/page/", go_on, TABLES, name="drafts_page"),
    path("drafts/<uuid:token>/<int:number>/restore/", restore, TABLES, name="drafts_restore"),
    path("preview/", PreviewView.as_view(), name="preview"),
    path("", include(addresses)),
    path("campaign/first/", first_campaign, name="first_campaign"),
    path("day/", day, name="day"),
    path("me/", me, name="me"),
    path("me/others/", others, name="others"),
    path("survey/", survey, name="survey"),
    path("preferences/", preferences, name="preferences"),
    path("preferences/reading/", reading, name="preferences_reading"),
    path("history/", history, ALL, name="history"),
    path("history/<uuid:token>/answer/", answer, name="answer"),
    path("messages/", threads.inbox, name="messages"),
    path("messages/write/", threads.write, name="messages_write"),
    path("messages/about/<uuid:token>/", threads.about, name="messages_about"),
    path("review/", reviews.queue, name="review_queue"),
    path("review/next/", reviews.take_next, name="review_next"),
    path("review/<uuid:token>/", reviews.review, name="review"),
    path("review/<uuid:token>/accept/", reviews.accept, name="review_accept"),
    path("review/<uuid:token>/return/", reviews.return_to_labeler, name="review_return"),
    path("review/<uuid:token>/take-back/", reviews.take_back, name="review_back"),
    path("review/<uuid:token>/compare/", reviews.compare_all, name="review_compare"),
    path("review/<uuid:token>/fix/", changes.fix, name="review_fix"),
    path("review/<uuid:token>/adjudicate/", changes.adjudicate, name="review_adjudicate"),
    path("review/<uuid:token>/draft/", changes.DraftView.as_view(), name="review_draft"),
    *playground,
    path("instructions/<slug:slug>/", instructions, name="instructions"),
    path("instructions/read/<int:version>/", acknowledge_instructions, name="acknowledge"),
]
