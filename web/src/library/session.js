// The player of one session, which shows nothing before it was said what for.
import "webawesome";
import { pageData, stayLoggedIn } from "../link/login.js";
import { reportPlayed } from "./played-report.js";
import "./player.js";
import { momentOf } from "./moment-link.js";
import { watchPictures } from "./purpose.js";
import { Recording } from "./recording.js";
import { whenPurposeIsAsked } from "./requests.js";
import { Watermark } from "./watermark.js";

const { session, purpose, purposes, name, login } = pageData();
const recording = new Recording(session.id);
recording.openAt = momentOf(location.hash);
addEventListener("hashchange", () => {
  const moment = momentOf(location.hash);
  if (moment !== null) recording.seek(moment);
});
const player = /** @type {import("./player.js").LibraryPlayer} */ (document.createElement("library-player"));
player.recording = recording;
const asking = /** @type {import("./purpose.js").LibraryPurpose} */ (document.createElement("library-purpose"));
Object.assign(asking, { session, purposes, again: Boolean(purpose), chosen: purpose?.purpose ?? "" });
whenPurposeIsAsked(() => asking.ask());
stayLoggedIn();
document.querySelector("#player")?.replaceWith(player);
document.body.append(asking);
watchPictures();
new Watermark(player, { name, login }).start();
reportPlayed(recording);
if (!purpose) await asking.ask();
void recording.start();
