// The guide's page: connects and puts the parts together.
import "webawesome";
import { Connection } from "../link/connection.js";
import { loggedIn, pageData, stayLoggedIn } from "../link/login.js";
import { Alarm } from "./alarm.js";
import "./app.js";
import { Branch } from "./branch.js";

const root = /** @type {import("./app.js").GuideApp} */ (document.createElement("guide-app"));
root.branch = new Branch(new Connection("/ws/guide", { authorised: loggedIn }));
root.alarm = new Alarm();
root.name = pageData().name ?? "";
stayLoggedIn();
document.querySelector("#guide")?.replaceWith(root);
