from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from labeling.campaigns.views import acknowledge_instructions, instructions
from labeling.desk.services.revisions import save_revision_draft
from labeling.desk.views.claim import next_demonstration, next_ranking
from labeling.desk.views.drafts import DraftView, earlier, page_of_draft, restore
from labeling.desk.views.preview import PreviewView
from labeling.desk.views.revisions import keep_as_it_was, revise, start_revision, submit_revision
from labeling.desk.views.work import hold, resume, skip, submit, work
from labeling.home.views import day, history, overview, submission
from labeling.people.views.preferences import preferences
from labeling.rewards.views import ScoresView, ScoreView
from labeling.writing.chats.views import speak, thread
from labeling.writing.dialogues.views.dialogues import change_turns
from labeling.writing.own_prompts.views import change_pairs
from labeling.writing.services import save_composition_draft
from labeling.writing.suggestions.views import suggest, suggestions
from labeling.writing.views.compositions import compose, discard, start, submit_composition

LOGIN = LoginView.as_view(template_name="people/login.html", redirect_authenticated_user=True)

urlpatterns = [
    path("", overview, name="overview"),
    path("login/", LOGIN, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("next/ranking/", next_ranking, name="next_ranking"),
    path("next/demonstration/", next_demonstration, name="next_demonstration"),
    path("work/<uuid:token>/", work, name="work"),
    path("work/<uuid:token>/submit/", submit, name="submit"),
    path("work/<uuid:token>/skip/", skip, name="skip"),
    path("work/<uuid:token>/resume/", resume, name="resume"),
    path("work/<uuid:token>/hold/", hold, name="hold"),
    path("work/<uuid:token>/draft/", DraftView.as_view(), name="draft"),
    path("api/scores/", ScoresView.as_view(), name="scores"),
    path("api/scores/<uuid:token>/", ScoreView.as_view(), name="score"),
    path("preview/", PreviewView.as_view(), name="preview"),
    path("compose/start/<slug:slug>/<slug:kind>/", start, name="compose_start"),
    path("compose/<uuid:token>/", compose, name="compose"),
    path("compose/<uuid:token>/submit/", submit_composition, name="compose_submit"),
    path("compose/<uuid:token>/pairs/", change_pairs, name="compose_pairs"),
    path("compose/<uuid:token>/turns/", change_turns, name="compose_turns"),
    path("compose/<uuid:token>/suggestions/", suggest, name="compose_suggest"),
    path("compose/<uuid:token>/suggestions/<uuid:request_token>/", suggestions, name="compose_suggestions"),
    path("compose/<uuid:token>/say/", speak, name="compose_say"),
    path("compose/<uuid:token>/thread/", thread, name="compose_thread"),
    path("compose/<uuid:token>/discard/", discard, name="compose_discard"),
    path("compose/<uuid:token>/draft/", DraftView.as_view(save=save_composition_draft), name="compose_draft"),
    path("drafts/<uuid:token>/page/", page_of_draft, name="page_of_draft"),
    path("drafts/<uuid:token>/", earlier, name="earlier_drafts"),
    path("drafts/<uuid:token>/<int:number>/restore/", restore, name="restore_draft"),
    path("day/", day, name="day"),
    path("preferences/", preferences, name="preferences"),
    path("history/", history, name="history"),
    path("history/<uuid:token>/", submission, name="submission"),
    path("history/<uuid:token>/<int:revision>/", submission, name="past_revision"),
    path("history/<uuid:token>/revise/", start_revision, name="start_revision"),
    path("revise/<uuid:token>/", revise, name="revise"),
    path("revise/<uuid:token>/submit/", submit_revision, name="submit_revision"),
    path("revise/<uuid:token>/keep/", keep_as_it_was, name="keep_as_it_was"),
    path("revise/<uuid:token>/draft/", DraftView.as_view(save=save_revision_draft), name="revision_draft"),
    path("instructions/<slug:slug>/", instructions, name="instructions"),
    path("instructions/read/<int:version>/", acknowledge_instructions, name="acknowledge"),
]
