"""Prompts, tasks, labelers and held work through the admin: set aside, put back, given back, admitted, suspended."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from labeling.base.refusals import LabelerRefused, NotSetAside, ReasonMissing
from labeling.base.states import ContentWarning, IllegalMove, LabelerGroup, LabelerState, TaskState
from labeling.desk.demonstrating.services import fields_of_demonstration
from labeling.desk.services.assignments import ASSIGNMENTS, claim_demonstration, claim_ranking
from labeling.desk.services.revisions import REVISIONS, start_revision
from labeling.models import Assignment, Labeler, Prompt, RankingTask
from labeling.people.services import change_labeler, change_preferences
from labeling.ranking_tasks.services.setting_aside import restore_task, set_prompt_aside, set_task_aside
from labeling.ranking_tasks.services.tasks import make_task
from tests.labeling.admin_cast import admin_browser, texts_of
from tests.labeling.cast import PASSWORD, make_campaign, make_labeler, make_prompt, make_ready_task
from tests.labeling.handed_in import rank, write

pytestmark = pytest.mark.django_db


def address_of(row: Prompt | RankingTask | Assignment | Labeler, name: str) -> str:
    return reverse(f"admin:labeling_{row._meta.model_name}_{name}", args=[row.pk])


def tick(client: Client, model: str, action: str, *ids: int) -> Any:
    address = reverse(f"admin:labeling_{model}_changelist")
    return client.post(address, {"action": action, "_selected_action": [str(pk) for pk in ids]}, follow=True)


def test_a_task_set_aside_is_offered_to_nobody_until_it_is_put_back(alice: Labeler) -> None:
    client = admin_browser()
    task = make_ready_task(make_prompt(make_campaign()))
    assert client.post(address_of(task, "set_aside"), {"reason": " "}).status_code == 422
    client.post(address_of(task, "set_aside"), {"reason": "It is about a real person."})
    task.refresh_from_db()
    assert (task.state, task.set_aside_reason) == ("set_aside", "It is about a real person.")
    assert claim_ranking(labeler=alice) is None
    assert "It is about a real person." in client.get(reverse("admin:labeling_rankingtask_change", args=[task.pk])).text
    client.post(address_of(task, "restore"))
    assert claim_ranking(labeler=alice) is not None


def test_a_done_task_can_t_be_set_aside() -> None:
    make_ready_task(make_prompt(make_campaign()))
    task = rank(make_labeler(), [1, 2, 3, 4]).task
    response = admin_browser().post(address_of(task, "set_aside"), {"reason": "why not"})
    assert response.status_code == 422
    assert "done can&#x27;t become set_aside" in response.text


def test_a_task_that_lacks_completions_is_sampled_again_when_it_is_put_back() -> None:
    prompt = make_prompt(make_campaign())
    task = make_task(prompt=prompt, campaign=prompt.campaign)
    set_task_aside(task=task, reason="Too few distinct completions.")
    assert restore_task(task=task).state == TaskState.SAMPLING
    with pytest.raises(NotSetAside, match="is sampling, not set aside"):
        restore_task(task=task)


def test_a_ranking_that_came_in_meanwhile_makes_the_task_done_when_it_is_put_back(alice: Labeler) -> None:
    task = make_ready_task(make_prompt(make_campaign()))
    assert claim_ranking(labeler=alice)
    set_task_aside(task=task, reason="Wait.")
    rank(alice, [1, 2, 3, 4])  # she holds it, so she may finish
    assert restore_task(task=task).state == TaskState.DONE


def test_a_prompt_takes_its_open_tasks_aside_and_brings_them_back(alice: Labeler) -> None:
    client = admin_browser()
    prompt = make_prompt(make_campaign())
    ready, other = make_ready_task(prompt), make_ready_task(prompt, texts=["A", "B", "C", "D"])
    set_task_aside(task=other, reason="Bad completions.")
    client.post(address_of(prompt, "set_aside"), {"reason": "Harmful."})
    assert claim_ranking(labeler=alice) is None
    assert claim_demonstration(labeler=alice) is None
    with pytest.raises(NotSetAside, match="put the prompt back"):
        restore_task(task=ready)
    client.post(address_of(prompt, "restore"))
    states = dict(RankingTask.objects.values_list("pk", "state"))
    assert states == {ready.pk: "ready", other.pk: "set_aside"}  # what went aside for its own reason stays there
    response = client.post(address_of(prompt, "restore"))
    assert "is not set aside" in response.text


def test_content_warnings_are_set_on_the_prompts_page_and_keep_it_from_who_opted_out(alice: Labeler) -> None:
    client = admin_browser()
    prompt = make_prompt(make_campaign())
    make_ready_task(prompt)
    change_preferences(labeler=alice, time_zone="", break_minutes=50, opt_outs=[ContentWarning.VIOLENCE])
    assert "What does prompt" in client.get(address_of(prompt, "warn")).text
    client.post(address_of(prompt, "warn"), {"warnings": ["violence", "hate"]})
    prompt.refresh_from_db()
    assert prompt.content_warnings == ["hate", "violence"]
    alice.refresh_from_db()
    assert claim_ranking(labeler=alice) is None
    assert client.post(address_of(prompt, "warn"), {"warnings": ["boring"]}).status_code == 422
    client.post(address_of(prompt, "warn"), {})
    prompt.refresh_from_db()
    assert prompt.content_warnings == []
    assert claim_ranking(labeler=alice) is not None


def test_ticked_rows_are_set_aside_for_one_reason_and_put_back_together() -> None:
    client, campaign = admin_browser(), make_campaign()
    prompts = [make_prompt(campaign) for _ in range(3)]
    asked = tick(client, "prompt", "set_aside_ticked", prompts[0].pk, prompts[1].pk)
    address = asked.redirect_chain[-1][0]
    client.post(address, {"reason": "Off topic."})
    assert Prompt.objects.exclude(set_aside_reason="").count() == 2
    assert LogEntry.objects.count() == 2
    response = tick(client, "prompt", "put_back_ticked", *[prompt.pk for prompt in prompts])
    assert f"Prompt {prompts[2].pk} is not set aside." in texts_of(response)
    assert "2 put back into the queue." in texts_of(response)


def test_ticked_tasks_are_set_aside_all_or_none() -> None:
    client, campaign = admin_browser(), make_campaign()
    tasks = [make_ready_task(make_prompt(campaign)) for _ in range(2)]
    set_task_aside(task=tasks[1], reason="Before.")
    asked = tick(client, "rankingtask", "set_aside_ticked", *[task.pk for task in tasks])
    response = client.post(asked.redirect_chain[-1][0], {"reason": "Now."})
    assert response.status_code == 422
    assert list(RankingTask.objects.order_by("pk").values_list("state", flat=True)) == ["ready", "set_aside"]
    back = tick(client, "rankingtask", "put_back_ticked", tasks[1].pk)
    assert texts_of(back) == ["1 put back into the queue."]


def test_a_reason_is_asked_for_by_the_service_too() -> None:
    with pytest.raises(ReasonMissing):
        set_prompt_aside(prompt=make_prompt(make_campaign()), reason="\n ")


def test_held_work_goes_back_to_the_queue_and_its_draft_stays(alice: Labeler, bob: Labeler) -> None:
    client = admin_browser()
    make_ready_task(make_prompt(make_campaign()))
    held = claim_ranking(labeler=alice)
    assert held is not None
    ASSIGNMENTS.save_draft(labeler=alice, token=str(held.token), draft={"1-rank": ["1"]}, base_version=0)
    listed = client.get(reverse("admin:labeling_assignment_changelist"), {"state__exact": "open"})
    assert "alice" in listed.text
    assert claim_ranking(labeler=bob) is None
    response = client.post(address_of(held, "give_back"), follow=True)
    assert texts_of(response) == ["1 piece of work is in the queue again."]
    held.refresh_from_db()
    assert (held.state, held.draft) == ("lapsed", {"1-rank": ["1"]})
    assert claim_ranking(labeler=bob) is not None


def test_ticked_work_is_given_back_and_nothing_happens_to_what_nobody_holds(alice: Labeler) -> None:
    client = admin_browser()
    make_ready_task(make_prompt(make_campaign()))
    held = claim_ranking(labeler=alice)
    assert held is not None
    assert texts_of(tick(client, "assignment", "give_back_ticked", held.pk)) == [
        "1 piece of work is in the queue again."
    ]
    assert "nothing to give back" in texts_of(tick(client, "assignment", "give_back_ticked", held.pk))[0]
    assert RankingTask.objects.get().rankings_open == 0


NEW_LABELER = {
    "username": "grace",
    "password": PASSWORD,
    "state": "active",
    "group": "held_out",
    "languages": ["en", "zh"],
}
ADD = reverse("admin:labeling_labeler_add")


def test_a_new_labeler_can_log_in_and_gets_work() -> None:
    assert admin_browser().post(ADD, NEW_LABELER).status_code == 302
    grace = Labeler.objects.get()
    assert (grace.group, grace.languages, grace.user.is_staff) == ("held_out", ["en", "zh"], False)
    assert Client().login(username="grace", password=PASSWORD)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"username": "gr ace"}, "username"), ({"password": "123"}, "password"), ({"languages": []}, "languages")],
)
def test_a_labeler_who_could_not_work_is_not_made(change: dict[str, str], field: str) -> None:
    response = admin_browser().post(ADD, NEW_LABELER | change)
    assert field in response.context["adminform"].form.errors
    assert not Labeler.objects.exists()


def test_a_username_is_given_once() -> None:
    make_labeler("grace")
    response = admin_browser().post(ADD, NEW_LABELER)
    assert "There is a user of that name already." in response.text


def test_group_and_languages_change_but_a_simulated_labeler_is_never_held_out(alice: Labeler) -> None:
    client = admin_browser()
    page = reverse("admin:labeling_labeler_change", args=[alice.pk])
    client.post(page, {"group": "held_out", "languages": ["zh"]})
    alice.refresh_from_db()
    assert (alice.group, alice.languages) == ("held_out", ["zh"])
    robot = make_labeler("robot", simulated=True)
    with pytest.raises(LabelerRefused, match="simulated"):
        change_labeler(labeler=robot, group=LabelerGroup.HELD_OUT, languages=["en"])


def test_a_labeler_is_admitted_and_suspended_and_held_work_comes_back() -> None:
    client, alice = admin_browser(), make_labeler(state=LabelerState.INVITED)
    make_ready_task(make_prompt(make_campaign()))
    for name in ("to_screening", "admit"):
        client.post(address_of(alice, name))
    assert claim_ranking(labeler=alice)
    assert "1 piece of work is held now" in client.get(address_of(alice, "suspend")).text
    client.post(address_of(alice, "suspend"), {"held_work_hours": "0", "labels": "keep"})
    alice.refresh_from_db()
    assert alice.state == LabelerState.SUSPENDED
    assert RankingTask.objects.get().rankings_open == 0
    again = client.post(address_of(alice, "suspend"), {"held_work_hours": "0", "labels": "keep"})
    assert again.status_code == 422


def test_the_list_of_labelers_counts_first_submissions(alice: Labeler) -> None:
    make_ready_task(make_prompt(make_campaign()))
    rank(alice, [1, 2, 3, 4])
    row = admin_browser().get(reverse("admin:labeling_labeler_changelist")).context["cl"].result_list[0]
    assert (row.rankings_done, row.demonstrations_done, row.held) == (1, 0, 0)
    assert row.last_active is not None


def test_nothing_is_set_aside_twice() -> None:
    task = make_ready_task(make_prompt(make_campaign()))
    set_task_aside(task=task, reason="Once.")
    with pytest.raises(IllegalMove):
        set_task_aside(task=task, reason="Twice.")


def test_a_revision_is_read_with_its_draft_and_all_that_was_handed_in(alice: Labeler) -> None:
    make_prompt(make_campaign())
    held = write(alice, "As it was.")
    begun = start_revision(labeler=alice, token=str(held.token), fields_of=fields_of_demonstration)
    REVISIONS.save_draft(labeler=alice, token=str(begun.token), draft={"text": ["Better."]}, base_version=0)
    page = admin_browser().get(reverse("admin:labeling_revision_change", args=[begun.pk])).text
    assert "Better." in page
    assert "As it was." in page
    assert (
        f'<a href="{reverse("admin:labeling_demonstration_change", args=[held.demonstrations.get().pk])}">r1</a>'
        in page
    )
