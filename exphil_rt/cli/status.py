"""``status``: the head line of a live run."""

from __future__ import annotations

from exphil_rt.cli.options import Json, Run
from exphil_rt.cli.output import duration, show, show_json
from exphil_rt.control.sync import connect
from exphil_rt.messages.telemetry import ImitationStatus, MatchStatus, RunStatus


def status(*, run: Run = None, json: Json = False) -> None:
    """Say how the run does.

    Args:
        run: name of the run; the only live one by default.
        json: print every field as JSON.
    """
    with connect(run) as client:
        found = client.status()
    if json:
        show_json(found)
    else:
        show(describe(found))


def describe(found: RunStatus) -> str:
    """The status in a few lines for a person."""
    if found.match is not None:
        return describe_match(found, found.match)
    share = (
        f" of {found.target_frames:,} ({min(found.frames / found.target_frames, 1.0):.0%})"
        if found.target_frames
        else ""
    )
    win_rate = "" if found.win_rate_vs_first is None else f"{found.win_rate_vs_first:.0%} against the first version"
    shares = found.shares
    if found.imitation is not None:
        return _imitation(found, found.imitation, share)
    rows = {
        "run": f"{found.run}  {found.state}  up {duration(found.uptime_s)}  daemon pid {found.daemon_pid}",
        "message": found.message,
        "frames": f"{found.frames:,}{share}  {found.frames_per_s:,.0f} frames/s",
        "time left": "" if found.eta_s is None else duration(found.eta_s),
        "policy": f"{found.policy}  {found.origin}  delay {found.delay}",
        "win rate": win_rate,
        "league": f"{found.population} versions, {found.matches} rated matches",
        "games": f"{found.games} live",
        "time goes": f"game {shares.game:.0%}, inference {shares.inference:.0%}, learning {shares.learning:.0%}, "
        f"waiting {shares.waiting:.0%}",
        "restarts": str(found.restarts),
        "loop lag": ""
        if found.loop_lag_ms is None
        else f"p99 {found.loop_lag_ms:.1f} ms, {found.loop_lag_own_ms or 0.0:.1f} ms without the wait for a CPU",
    }
    return "\n".join(f"{name:<10} {text}" for name, text in rows.items() if text)


def describe_match(found: RunStatus, match: MatchStatus) -> str:
    """The same of a match on a console."""
    won, drawn, lost = match.score
    rows = {
        "run": f"{found.run}  {found.state}  up {duration(found.uptime_s)}  daemon pid {found.daemon_pid}",
        "message": found.message,
        "console": f"{match.console}, {match.phase}" + (f", start {match.starts}" if match.starts > 1 else ""),
        "players": f"{match.players[0]} {won}:{lost} {match.players[1]}" + (f", {drawn} drawn" if drawn else ""),
        "pace": f"{match.fps:.1f} fps, {match.frames:,} frames",
        "delay": "; ".join(dict.fromkeys(match.plan)),
        "frames": f"{match.late} late, {match.dropped} dropped, {match.skipped} skipped, {match.duplicate} duplicate, "
        f"{match.resimulated} resimulated",
        "inputs": f"back after {', '.join(map(str, match.echo_lag)) or '?'} of {match.echo_wanted} frames, early by at "
        f"least {match.headroom}",
        **{one.phase: f"{one.p50_us / 1e3:.2f} ms, p99 {one.p99_us / 1e3:.2f} ms" for one in match.latency},
        "fault": match.fault,
    }
    return "\n".join(f"{name:<10} {text}" for name, text in rows.items() if text)


def _imitation(found: RunStatus, now: ImitationStatus, share: str) -> str:
    best = next((done.held_out for done in now.done if done.epoch == now.best_epoch), None)
    rows = {
        "run": f"{found.run}  {found.state}  up {duration(found.uptime_s)}  daemon pid {found.daemon_pid}",
        "message": found.message,
        "data": f"{now.data}, {now.held_out_games} games held out" if now.data else "",
        "frames": f"{found.frames:,}{share}  {found.frames_per_s:,.0f} frames/s",
        "time left": "" if found.eta_s is None else duration(found.eta_s),
        "epoch": f"{now.epoch} of {now.epochs}" if now.epochs else "",
        "NLL": "" if now.nll is None else f"{now.nll:.3f} in training",
        "held out": ""
        if best is None
        else f"{best.nll:.3f}, changed frames {best.nll_changed:.3f} (epoch {now.best_epoch})",
        "table": ""
        if now.previous is None
        else f"{now.previous.nll:.3f}, changed frames {now.previous.nll_changed:.3f}: P(a | previous a)",
        "waiting": "" if now.nll is None else f"{now.waited:.1%} of the learning",
        "policy": found.policy,
        "restarts": str(found.restarts),
    }
    return "\n".join(f"{name:<10} {text}" for name, text in rows.items() if text)
