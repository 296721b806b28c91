"""`python -m policy_trainer ppo`: a policy against a reward model, after InstructGPT §3.5 and C.4 (PPO-ptx).

    python -m policy_trainer ppo --base SFT --reward-model RM --data SNAPSHOT --output DIR
    python -m policy_trainer ppo --preset demo-270m --base SFT --reward-model RM --data SNAPSHOT --output DIR
    torchrun --nproc-per-node 8 -m policy_trainer ppo --preset 6b --base SFT --reward-model RM --data SNAPSHOT \\
        --output DIR

An iteration draws --batch answers, --completions to a prompt, and learns from them in updates of --minibatch answers.
A prompt's tokens pass once for all its answers: in the sampler, the reference, the reward model, the value function and
the update. The objective is InstructGPT's equation 2: E[r − β · KL] + γ · E[log π of pretraining text].

`ppo_iterations` is the loop; `ppo` prepares it, keeps what it yields, looks at held-out prompts and writes the model.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import monotonic

import torch
from torch.nn.utils import clip_grad_norm_, get_total_norm

from lm.progress import Progress
from lm.training.broken_numbers import refuse_broken_numbers, refuse_spike
from lm.training.checkpoints import Checkpoints, Done
from lm.training.dealing import own_parts
from lm.training.fsdp import whole
from lm.training.interruption import sigterm_after_the_step
from lm.training.optimizer import trainable
from lm.training.processes import ALONE, Processes
from lm.training.set_up import sole_run
from lm.training.tensorboard import EventFiles
from policy_trainer import ppo_report
from policy_trainer.arguments import PpoArguments
from policy_trainer.experience import collect, decoder_gap, minibatches, refuse_unlike, scaled
from policy_trainer.maths.ema import MovingAverage
from policy_trainer.maths.ptx import Scale, language_model_loss
from policy_trainer.networks import Networks
from policy_trainer.ppo_setup import Run, prepare, set_rates
from policy_trainer.ppo_step import IterationResult, Tally, measured, policy_loss, value_loss
from policy_trainer.pretraining import PretrainingText
from policy_trainer.reward import RewardDoor
from policy_trainer.reward_checks import refuse_constant
from policy_trainer.rollout import Rollout
from policy_trainer.watch import Look, best_look, reason_to_stop

Draw = Callable[[int, int], Sequence[Rollout]]
"""The answers of an iteration, from 1, by weights that have so many updates behind them."""


def ppo_iterations(
    networks: Networks,
    optimizer: torch.optim.Optimizer,
    average: MovingAverage,
    draw: Draw,
    door: RewardDoor,
    text: PretrainingText | None,
    arguments: PpoArguments,
    *,
    results: list[IterationResult],
) -> Iterator[IterationResult]:
    """The training loop, one iteration a turn. Yields what each found, after adding it to `results`, which holds those
    of the iterations before. Raises Failed for numbers that are none, stale answers, and a reward that is constant.
    """
    policy, value = trainable(networks.policy), trainable(networks.value) if networks.value is not None else []
    for iteration in range(len(results) + 1, arguments.iterations + 1):
        # draw: the policy as it is now answers, without dropout; the reward model reads the texts
        version = arguments.updates_an_iteration * (iteration - 1)
        rollouts = draw(iteration, version)
        raw = door.rewards(rollouts)
        if iteration == 1:
            refuse_constant(raw)

        # read: log-probabilities by the network that will be updated, so that the first ratio is 1
        experience = collect(networks, rollouts, door.scores(rollouts, raw), arguments, version=version)
        refuse_unlike(experience)
        scale = _scale(arguments, results, torch.cat([one.advantages for one in experience]))
        result = measured(experience, raw, gap=decoder_gap(experience), scale=scale.value)
        experience = scaled(experience, scale)

        # learn: policy, value and pretraining gradients go into one buffer and one step of the optimizer
        tally = Tally()
        rate = set_rates(optimizer, arguments, iteration)
        for update, minibatch in enumerate(minibatches(experience, arguments, iteration=iteration), start=version + 1):
            sizes = [len(one.rollout.tokens.ids) for one in minibatch]
            budget = arguments.tokens_per_microbatch
            for numbers, counts in own_parts(sizes, budget=budget, processes=networks.processes):
                part = [minibatch[number] for number in numbers]
                # the policy's activations are gone before the value function's come, unless both were kept; a part that
                # does not count is computed because every process has to take part
                of_policy, sums = policy_loss(networks, part, arguments, whole=minibatch)
                (of_policy * counts).backward()  # type: ignore[no-untyped-call]
                tally.add_policy(of_policy.item() * counts, sums * counts)
                if networks.value is not None:
                    of_value = value_loss(networks, part, arguments, whole=minibatch) * counts
                    of_value.backward()  # type: ignore[no-untyped-call]
                    tally.add_value(of_value.item())
            policy_norm = whole(get_total_norm([one.grad for one in policy if one.grad is not None]))
            if text is not None:
                pretrain(networks, text, arguments, tally, update=update)

            # update: broken or exploded numbers end the run before they touch a weight
            norm = whole(clip_grad_norm_(policy, arguments.clip or torch.inf))
            value_norm = whole(clip_grad_norm_(value, arguments.clip or torch.inf)) if value else torch.zeros(())
            ids = [one.rollout.prompt.number for one in minibatch]
            loss = tally.whole_loss(networks.processes)
            refuse_broken_numbers(iteration, ids, loss, norm + value_norm, of="prompts")
            earlier = [one.loss for one in results] or [loss]
            refuse_spike(iteration, ids, loss, earlier, arguments.spike_factor, of="prompts")
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            average.update()
            tally.updated(policy_norm=float(policy_norm), norm=float(norm), minibatch=minibatch)

        results.append(replace(result, learning_rate=rate, **tally.means()))
        yield results[-1]


def _scale(arguments: PpoArguments, results: Sequence[IterationResult], advantages: torch.Tensor) -> Scale:
    """The first iteration's deviation, for the whole run."""
    if arguments.advantage_scale != "frozen":
        return Scale()
    return Scale(results[0].advantage_scale) if results else Scale.of_first(advantages)


def pretrain(networks: Networks, text: PretrainingText, arguments: PpoArguments, tally: Tally, *, update: int) -> None:
    """Adds γ · the gradient of an update's rows of pretraining text, in rows without padding, and their loss."""
    size = arguments.minibatch * arguments.pretraining_examples
    rows = text.take(first=(update - 1) * size, size=size)
    tokens = sum(len(row) - 1 for row in rows)
    sizes, budget = [len(row) for row in rows], arguments.tokens_per_microbatch
    for numbers, counts in own_parts(sizes, budget=budget, processes=networks.processes):
        some = [rows[number] for number in numbers]
        loss = language_model_loss(networks.text_log_probs(some), tokens=tokens) * int(counts)
        (arguments.gamma * loss).backward()  # type: ignore[no-untyped-call]
        tally.add_text(loss.item())


def ppo(arguments: PpoArguments, progress: Progress, processes: Processes = ALONE) -> None:
    """Leaves `arguments.output` complete or absent. Raises Refused before the first iteration, Failed after it.

    With `checkpoint_every` the same call goes on where an earlier one ended, as if it had not.
    """
    with sole_run(arguments, processes) as curves:
        _ppo(prepare(arguments, progress, processes), curves, processes)


def _ppo(run: Run, curves: EventFiles, processes: Processes) -> None:
    arguments, progress = run.arguments, run.progress
    progress.listeners += [run.energy.sample, curves.write]
    checkpoints = Checkpoints(arguments.output, run.decisive(), IterationResult.read, processes)
    done = checkpoints.restore(run.networks, run.optimizer, beside=run.average.averages)
    ppo_report.begin(run, done)
    curves.replay(done.events, seconds=done.seconds)
    results, began, saved = done.results, monotonic() - done.seconds, len(done.results)
    # a run that had stopped by rule, and whose model could not be written, is not trained on
    stopped = _judged(run, results, seconds=done.seconds) if results else ""
    with sigterm_after_the_step(enabled=arguments.checkpoint_every > 0) as stop:
        loop = ppo_iterations(
            run.networks, run.optimizer, run.average, run.draw, run.door, run.text, arguments, results=results
        )
        while not stopped and (result := next(loop, None)):
            # log, look at held-out prompts, keep the best, checkpoint
            ppo_report.iteration(run, len(results), result, seconds=monotonic() - began)
            stopped = _judged(run, results, seconds=monotonic() - began)
            _forget(run, results, results[:saved])
            if checkpoints.save_if_due(
                run.networks,
                run.optimizer,
                Done(results=results, events=progress.events, seconds=monotonic() - began),
                every=arguments.checkpoint_every,
                stop=stop,
                beside=run.average.averages,
            ):
                saved = len(results)
    if stopped:
        progress.note(f"Stopped after iteration {len(results)}: {stopped}")
    best = best_look(_looks(results))
    ppo_report.write(run, results, best, curves, processes, stopped=stopped, training=monotonic() - began)
    checkpoints.remove()
    progress.done(arguments.output)


def _judged(run: Run, results: list[IterationResult], *, seconds: float) -> str:
    """Why the run stops after its last iteration, or "". Looks at held-out prompts first where that is due."""
    iteration = len(results)
    stopped = _reason(run, results, seconds=seconds)
    if results[-1].look is None and (stopped or run.due(iteration)):
        results[-1] = replace(results[-1], look=run.look(iteration, best_look(_looks(results))))
        stopped = stopped or _reason(run, results, seconds=seconds)
    return stopped


def _forget(run: Run, *several: Sequence[IterationResult]) -> None:
    """Leaves the model of the best look of these, and of those that the last checkpoint has: a run that is killed
    before the next one goes on with it.
    """
    best = [best_look(_looks(results)) for results in several]
    run.kept.forget_models(but=[len(several[0]) if one is None else one.iteration for one in best])


def _looks(results: Sequence[IterationResult]) -> list[Look]:
    return [one.look for one in results if one.look is not None]


def _reason(run: Run, results: Sequence[IterationResult], *, seconds: float) -> str:
    reason = reason_to_stop([one.seen for one in results], _looks(results), run.arguments)
    hours = run.arguments.hours
    if not reason and hours is not None and run.runtime.processes.any(seconds > 3600 * hours):
        return f"its {hours:g} hours are over, {len(results) * run.arguments.batch:,} episodes."
    return reason
