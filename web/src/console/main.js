// The console's page: connects, puts the parts together, and listens to the keys.
import "webawesome";
import { Connection } from "../link/connection.js";
import { loggedIn, stayLoggedIn } from "../link/login.js";
import "./app.js";
import { listen } from "./keys.js";
import { Media } from "./media.js";
import { Ringtone } from "../media/ringtone.js";
import { Desk } from "./session.js";
import { Store } from "./state.js";

const store = new Store();
const desk = new Desk(new Connection("/ws/console", { authorised: loggedIn }), store);
const app = { store, desk, media: new Media(desk), ringtone: new Ringtone() };
stayLoggedIn();

const root = /** @type {import("./app.js").ConsoleApp} */ (document.createElement("console-app"));
root.app = app;
document.querySelector("#console")?.replaceWith(root);
listen({ root, app });

addEventListener("beforeunload", (event) => {
  const { session, noteState } = store.state;
  if (session && noteState !== "saved") event.preventDefault();
});
