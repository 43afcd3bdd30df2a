// What every page runs. Pages work without it; it adds live updates, the night theme and small comforts.
import "htmx.org/dist/htmx.esm.js";
import { startBoard } from "./board.js";
import { startLive } from "./live.js";
import { startComforts } from "./comforts.js";
import { startTheme } from "./theme.js";
import { startFloorWall } from "./floor-wall.js";
import { startWatch } from "./watch-sound.js";

startTheme();
startComforts();
startLive();
startBoard();
startWatch();
startFloorWall();
