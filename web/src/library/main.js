// The list of recordings.
import "webawesome";
import { stayLoggedIn } from "../link/login.js";
import "./list.js";

stayLoggedIn();
document.querySelector("#library")?.replaceWith(document.createElement("library-list"));
