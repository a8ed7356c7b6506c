// Paths and points in WebGL2: one instance a step of a path, in widths of pixels.

const STEP_SHADER = `#version 300 es
precision highp float;
layout(location=0) in vec2 corner;
layout(location=1) in vec3 a;
layout(location=2) in vec3 b;
uniform mat4 camera;
uniform vec2 size;
uniform float depth, width;
uniform int samples, places, part;
uniform vec3 alphas;
uniform bool byDepth;
uniform sampler2D colours, ramp;
out vec4 colour;
out float across;
void main() {
  int sample_ = gl_InstanceID % samples, place = gl_InstanceID / samples;
  vec4 own = texelFetch(colours, ivec2(sample_ & 1023, sample_ >> 10), 0);
  int kind = int(own.a * 255.0 + 0.5);
  gl_Position = vec4(2.0, 2.0, 2.0, 1.0);
  colour = vec4(0.0); across = 0.0;
  if (kind != part || float(place) >= depth || isnan(a.x + a.y + a.z + b.x + b.y + b.z)) return;
  vec3 end = mix(a, b, clamp(depth - float(place), 0.0, 1.0));
  vec4 p = camera * vec4(a, 1.0), q = camera * vec4(end, 1.0);
  vec2 along_ = (q.xy / q.w - p.xy / p.w) * size;
  float long_ = length(along_);
  vec2 normal = long_ > 0.0 ? vec2(-along_.y, along_.x) / long_ : vec2(0.0, 1.0);
  vec4 here = corner.x < 0.5 ? p : q;
  here.xy += normal * corner.y * (width + 1.5) / size * here.w;
  gl_Position = here;
  across = corner.y * (width + 1.5) * 0.5;
  vec3 told = byDepth ? texelFetch(ramp, ivec2(int(255.0 * (float(place) + corner.x) / float(max(places - 1, 1))), 0), 0).rgb : own.rgb;
  colour = vec4(told, alphas[part]);
}`;
const STEP_PIXELS = `#version 300 es
precision highp float;
in vec4 colour;
in float across;
uniform float width;
out vec4 pixel;
void main() {
  float inside = clamp(0.5 * width + 0.5 - abs(across), 0.0, 1.0) * colour.a;
  pixel = vec4(colour.rgb * inside, inside);
}`;
const POINT_SHADER = `#version 300 es
precision highp float;
layout(location=1) in vec3 a;
layout(location=2) in vec3 b;
uniform mat4 camera;
uniform float depth, width;
uniform int places, part;
uniform bool byDepth;
uniform sampler2D colours, ramp;
out vec4 colour;
void main() {
  vec4 own = texelFetch(colours, ivec2(gl_VertexID & 1023, gl_VertexID >> 10), 0);
  int kind = int(own.a * 255.0 + 0.5);
  float share = fract(depth);
  vec3 at = share > 0.0 ? mix(a, b, share) : a;
  gl_Position = kind != part || isnan(at.x + at.y + at.z) ? vec4(2.0, 2.0, 2.0, 1.0) : camera * vec4(at, 1.0);
  gl_PointSize = width;
  vec3 told = byDepth ? texelFetch(ramp, ivec2(int(255.0 * depth / float(max(places - 1, 1))), 0), 0).rgb : own.rgb;
  colour = vec4(told, part == 0 ? 0.35 : 0.95);
}`;
const POINT_PIXELS = `#version 300 es
precision highp float;
in vec4 colour;
uniform float width;
out vec4 pixel;
void main() {
  float inside = clamp((0.5 - length(gl_PointCoord - 0.5)) * width, 0.0, 1.0) * colour.a;
  pixel = vec4(colour.rgb * inside, inside);
}`;

/** Samples that are in the background, shown, and picked out: the last byte of their colour. */
const FAINT = 0, SHOWN = 1, PICKED = 2;

/** What draws paths on a canvas; null where the browser has no WebGL2. */
function painter(canvas, n, places) {
  const gl = canvas.getContext("webgl2", { antialias: false, alpha: true, premultipliedAlpha: true, preserveDrawingBuffer: true });
  if (!gl) return null;
  const steps = program(gl, STEP_SHADER, STEP_PIXELS), points = program(gl, POINT_SHADER, POINT_PIXELS);
  const corners = gl.createBuffer(), positions = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, corners);
  gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, -1, 0, 1, 1, -1, 1, 1]), gl.STATIC_DRAW);
  const rows = Math.ceil(n / 1024), colours = texture(gl), ramps = texture(gl);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  const inTexture = new Uint8Array(1024 * rows * 4);

  return {
    /** Positions (place, sample, 3), NaN where there is none. */
    setPositions(values) {
      gl.bindBuffer(gl.ARRAY_BUFFER, positions);
      gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
    },
    /** Three bytes a sample, and its part. */
    setColours(bytes, parts) {
      for (let i = 0; i < n; i++) { inTexture.set(bytes.subarray(3 * i, 3 * i + 3), 4 * i); inTexture[4 * i + 3] = parts[i]; }
      gl.bindTexture(gl.TEXTURE_2D, colours);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 1024, rows, 0, gl.RGBA, gl.UNSIGNED_BYTE, inTexture);
    },
    setRamp(colour) {
      const bytes = new Uint8Array(256 * 4);
      for (let i = 0; i < 256; i++) bytes.set([...colour(i / 255).map(Math.round), 255], 4 * i);
      gl.bindTexture(gl.TEXTURE_2D, ramps);
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, bytes);
    },
    draw({ camera, depth, byDepth, alphas, ratio, pointSize }) {
      gl.viewport(0, 0, canvas.width, canvas.height);
      gl.clearColor(0, 0, 0, 0);
      gl.clear(gl.COLOR_BUFFER_BIT);
      for (const part of [FAINT, SHOWN, PICKED]) {
        const wide = part === PICKED ? 2.6 : 1.1, dot = pointSize * (part === PICKED ? 1.9 : 1);
        use(steps, part, wide * ratio, { camera, depth, byDepth });
        gl.uniform2f(steps.at("size"), canvas.width, canvas.height);
        gl.uniform3fv(steps.at("alphas"), alphas);
        bind(0, corners, 2, 0, 0, 0);
        bind(1, positions, 3, 12, 0, 1);
        bind(2, positions, 3, 12, 12 * n, 1);
        if (places > 1) gl.drawArraysInstanced(gl.TRIANGLE_STRIP, 0, 4, n * (places - 1));
        use(points, part, dot * ratio, { camera, depth, byDepth });
        gl.disableVertexAttribArray(0);
        const here = Math.floor(depth);
        bind(1, positions, 3, 12, 12 * n * here, 0);
        bind(2, positions, 3, 12, 12 * n * Math.min(here + 1, places - 1), 0);
        gl.drawArrays(gl.POINTS, 0, n);
      }
    },
  };

  function use(made, part, width, { camera, depth, byDepth }) {
    gl.useProgram(made.program);
    gl.uniformMatrix4fv(made.at("camera"), false, camera);
    gl.uniform1f(made.at("depth"), depth);
    gl.uniform1f(made.at("width"), width);
    gl.uniform1i(made.at("samples"), n);
    gl.uniform1i(made.at("places"), places);
    gl.uniform1i(made.at("part"), part);
    gl.uniform1i(made.at("byDepth"), byDepth ? 1 : 0);
    gl.uniform1i(made.at("colours"), 0);
    gl.uniform1i(made.at("ramp"), 1);
    gl.activeTexture(gl.TEXTURE1); gl.bindTexture(gl.TEXTURE_2D, ramps);
    gl.activeTexture(gl.TEXTURE0); gl.bindTexture(gl.TEXTURE_2D, colours);
  }

  function bind(location, buffer, size, stride, offset, divisor) {
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(location);
    gl.vertexAttribPointer(location, size, gl.FLOAT, false, stride, offset);
    gl.vertexAttribDivisor(location, divisor);
  }
}

function program(gl, vertices, pixels) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertices], [gl.FRAGMENT_SHADER, pixels]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(made));
  const found = {};
  return { program: made, at: name => (found[name] ??= gl.getUniformLocation(made, name)) };
}

function texture(gl) {
  const made = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, made);
  for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
  return made;
}
