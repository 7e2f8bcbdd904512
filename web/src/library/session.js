// The player of one session.
import "webawesome";
import { pageData, stayLoggedIn } from "../link/login.js";
import "./player.js";
import { Recording } from "./recording.js";

const recording = new Recording(pageData().session.id);
const player = /** @type {import("./player.js").LibraryPlayer} */ (document.createElement("library-player"));
player.recording = recording;
stayLoggedIn();
document.querySelector("#player")?.replaceWith(player);
void recording.start();
