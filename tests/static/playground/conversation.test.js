import {
  alike, cutBefore, emptyState, eventsIn, finishedAnswers, messagesFor, readState, withoutAnswer,
} from "../../../static/playground/conversation.js";
import { equal, holds, test } from "../harness.js";

const said = (role, content, ended) => ({ role, content, ...(ended ? { ended } : {}) });
const ASKED = said("user", "Why?");
const ANSWERED = said("assistant", "So.", "stop");

test("what a browser kept comes back, whatever it is", () => {
  const state = { ...emptyState(), sides: [[ASKED, ANSWERED], []], draft: "And", editing: 0, edited: "Why not?", system: "Be kind.", temperature: 0.3, raw: true };
  equal(readState(JSON.stringify(state)), state);
  for (const other of [null, "", "{", "[]", '{"sides": 3}', '{"sides": [[{"role": "robot"}], 7], "draft": 5}']) {
    equal(readState(other), emptyState(), other);
  }
});

test("an answer that was being written at a reload is there, as stopped; an empty one is not", () => {
  const half = { sides: [[ASKED, said("assistant", "Becau")], [ASKED, said("assistant", "")]] };
  equal(readState(JSON.stringify(half)).sides, [[ASKED, said("assistant", "Becau", "stopped")], [ASKED]]);
});

test("what is sent ends with the user's turn, and begins with the system message where there is one", () => {
  equal(messagesFor([ASKED, ANSWERED], " "), [{ role: "user", content: "Why?" }]);
  const told = [{ role: "system", content: "Be kind." }, { role: "user", content: "Why?" }];
  equal(messagesFor([ASKED], "Be kind."), told);
  equal(messagesFor([ASKED, ANSWERED, ASKED], "").map((each) => each.role), ["user", "assistant", "user"]);
});

test("an edit cuts what came after, an answer made again the last one", () => {
  const long = [ASKED, ANSWERED, said("user", "How?"), ANSWERED];
  equal(cutBefore([long, [ASKED]], 2), [[ASKED, ANSWERED], [ASKED]]);
  equal(withoutAnswer(long).length, 3);
  equal(withoutAnswer([ASKED]), [ASKED]);
  holds(alike(long)[0] !== long[0], "a copy is a copy");
});

test("answers are shown as Markdown once they are finished, each text asked for once", () => {
  const stopped = said("assistant", "Becau", "stopped");
  equal(finishedAnswers([[ASKED, ANSWERED, ASKED, stopped], [ASKED, ANSWERED, ASKED, said("assistant", "B")]]), ["So.", "Becau"]);
});

test("events are read however they are cut", () => {
  const stream = ': at work\n\ndata: {"kept":true}\n\ndata: {"text":"蓝\\n"}\n\ndata: {"end":"stop"}\n\n';
  for (let cut = 0; cut <= stream.length; cut += 1) {
    const [first, rest] = eventsIn(stream.slice(0, cut));
    const [second, left] = eventsIn(rest + stream.slice(cut));
    equal([...first, ...second], [{ kept: true }, { text: "蓝\n" }, { end: "stop" }]);
    equal(left, "");
  }
});
