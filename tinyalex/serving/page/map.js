/* The map of what the network looked at: the picture in greys, lit where covering it matters. */
import { make, percent, short } from "./common.js";

const DARK = [22, 12, 58], LIGHT = [255, 214, 51]; // as viridis: from dark to light, also for those who see no hues
const colour = (strength) => {
  const [red, green, blue] = DARK.map((from, n) => from + strength * (LIGHT[n] - from));
  return [red, green, blue, 255 * (0.55 - 0.05 * strength)];
};

export const lowest = ({ occlusion }) => Math.min(...occlusion.flat());

/* The map for those who do not see it. */
export const inWords = (found) => {
  const { occlusion, probability, label, size, stride, crop } = found;
  const low = lowest(found), row = occlusion.findIndex((line) => line.includes(low));
  const third = (n) => Math.min(2, Math.floor((3 * (n * stride + size / 2)) / crop));
  const place = [
    ["the upper left", "the top", "the upper right"],
    ["the left side", "the middle", "the right side"],
    ["the lower left", "the bottom", "the lower right"],
  ][third(row)][third(occlusion[row].indexOf(low))];
  const sure = `Its guess is ${short(label)}, ${percent(probability)}.`;
  return probability - low < 0.02
    ? `${sure} A grey square over any one place hardly changes that.`
    : `${sure} With a grey square over ${place} it falls to ${percent(low)}: that is where it looked most.`;
};

/* How far covering the surroundings of each pixel lowers the probability, as colours: crop × crop pixels. */
const heat = (found) => {
  const { occlusion, probability, size, stride, crop } = found;
  const range = Math.max(probability - lowest(found), 0.002), last = occlusion.length - 1;
  const strength = (row, column) => Math.min(1, Math.max(0, (probability - occlusion[row][column]) / range));
  const between = (pixel) => { // the squares whose centres are before and after it, and how near the second is
    const at = Math.min(last, Math.max(0, (pixel + 0.5 - size / 2) / stride)), before = Math.floor(at);
    return [before, Math.min(last, before + 1), at - before];
  };
  const image = new ImageData(crop, crop);
  for (let y = 0; y < crop; y++) {
    const [top, bottom, down] = between(y);
    for (let x = 0; x < crop; x++) {
      const [left, right, along] = between(x);
      const above = strength(top, left) * (1 - along) + strength(top, right) * along;
      const below = strength(bottom, left) * (1 - along) + strength(bottom, right) * along;
      image.data.set(colour(above * (1 - down) + below * down), 4 * (y * crop + x));
    }
  }
  return image;
};

export const drawMap = async (canvas, found) => {
  const picture = make("img", { src: found.picture }), pen = canvas.getContext("2d"), side = canvas.width;
  canvas.found = found;
  await picture.decode();
  if (canvas.found !== found) return; // another picture is shown by now
  const layer = make("canvas", { width: found.crop, height: found.crop });
  layer.getContext("2d").putImageData(heat(found), 0, 0);
  pen.imageSmoothingQuality = "high";
  pen.globalCompositeOperation = "source-over";
  pen.drawImage(picture, 0, 0, side, side);
  pen.globalCompositeOperation = "saturation"; // leaves greys
  pen.fillStyle = "#808080";
  pen.fillRect(0, 0, side, side);
  pen.globalCompositeOperation = "source-over";
  pen.drawImage(layer, 0, 0, side, side);
  canvas.dataset.drawn = "yes";
};

export const clearMap = (canvas) => {
  canvas.found = null;
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
};

/* The colours from no change to the lowest probability, as they look on grey. */
export const drawLegend = (canvas) => {
  const image = new ImageData(canvas.width, 1);
  for (let x = 0; x < canvas.width; x++) {
    const [red, green, blue, alpha] = colour(x / (canvas.width - 1));
    image.data.set([...[red, green, blue].map((one) => (one * alpha + 128 * (255 - alpha)) / 255), 255], 4 * x);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
};
