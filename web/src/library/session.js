// The player of one session.
import "webawesome";
import { pageData, stayLoggedIn } from "../link/login.js";
import "./player.js";
import { momentOf } from "./moment-link.js";
import { Recording } from "./recording.js";

const recording = new Recording(pageData().session.id);
recording.openAt = momentOf(location.hash);
addEventListener("hashchange", () => {
  const moment = momentOf(location.hash);
  if (moment !== null) recording.seek(moment);
});
const player = /** @type {import("./player.js").LibraryPlayer} */ (document.createElement("library-player"));
player.recording = recording;
stayLoggedIn();
document.querySelector("#player")?.replaceWith(player);
void recording.start();
