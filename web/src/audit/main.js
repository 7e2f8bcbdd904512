// The audit log.
import "webawesome";
import { stayLoggedIn } from "../link/login.js";
import "./log.js";

stayLoggedIn();
document.querySelector("#audit")?.replaceWith(document.createElement("audit-log"));
