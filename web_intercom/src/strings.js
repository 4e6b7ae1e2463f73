// SPDX-License-Identifier: Apache-2.0
// All that the page says, in all its languages: one row for each sentence. {words} in braces are put in.

export const languages = ['en', 'de', 'es', 'zh'];
/** What each is called by those who speak it. */
export const language_names = { en: 'English', de: 'Deutsch', es: 'Español', zh: '中文' };

export const table = {
  // key: [English, German, Spanish, Chinese]
  intercom: ['Intercom', 'Sprechanlage', 'Intercomunicador', '对讲机'],
  title_of: ['Intercom · {who}', 'Sprechanlage · {who}', 'Intercomunicador · {who}', '对讲机 · {who}'],

  who_is_this: ['Who is this?', 'Wer ist hier?', '¿Quién es?', '您是谁？'],
  another_name: ['Another name', 'Ein anderer Name', 'Otro nombre', '其他名称'],
  name_rule: ['Letters, digits and . _ @ : -', 'Buchstaben, Ziffern und . _ @ : -', 'Letras, cifras y . _ @ : -', '字母、数字和 . _ @ : -'],
  password: ['Password at the broker', 'Passwort beim Broker', 'Contraseña del broker', 'broker 的密码'],
  keep_login: ['Stay signed in on this device', 'Auf diesem Gerät angemeldet bleiben', 'Mantener la sesión en este dispositivo', '在此设备上保持登录'],
  start: ['Start', 'Los', 'Entrar', '开始'],
  refused: ['The broker refuses {who}: is the password right?', 'Der Broker lehnt {who} ab: Stimmt das Passwort?', 'El broker rechaza a {who}: ¿es correcta la contraseña?', 'broker 拒绝了 {who}：密码正确吗？'],

  online: ['online', 'verbunden', 'conectado', '在线'],
  connecting: ['connecting', 'verbindet', 'conectando', '正在连接'],
  offline: ['no connection', 'keine Verbindung', 'sin conexión', '未连接'],
  no_beckon: ['this broker has no Beckon', 'dieser Broker hat kein Beckon', 'este broker no tiene Beckon', '此 broker 没有 Beckon'],
  offline_long: ['No connection: nobody can ring here. Trying again.', 'Keine Verbindung: Hier kann niemand klingeln. Wird weiter versucht.', 'Sin conexión: nadie puede llamar aquí. Reintentando.', '未连接：无人能呼叫此处。正在重试。'],

  do_not_disturb: ['Do not disturb', 'Nicht stören', 'No molestar', '请勿打扰'],
  not_disturbed_sign: ['Do not disturb: who rings is told that you are busy.', 'Nicht stören: Wer klingelt, hört, dass besetzt ist.', 'No molestar: quien llame sabrá que está ocupado.', '请勿打扰：来访者会得知您正忙。'],
  touch_for_sound: ['Touch once for sound', 'Einmal berühren für den Ton', 'Toque una vez para activar el sonido', '轻触一次以开启声音'],
  no_sound: ['This browser plays no sound.', 'Dieser Browser spielt keinen Ton.', 'Este navegador no reproduce sonido.', '此浏览器无法播放声音。'],
  insecure: ['No camera and no microphone: browsers give them only to a page that comes by https, or from this machine itself.', 'Keine Kamera, kein Mikrofon: Browser geben sie nur einer Seite, die per https kommt oder von diesem Gerät selbst.', 'Sin cámara ni micrófono: los navegadores solo los dan a una página servida por https, o desde este mismo equipo.', '没有摄像头和麦克风：浏览器只向通过 https 或本机提供的页面开放它们。'],
  gear_denied: ['No camera and no microphone: the browser was told not to give them to this page.', 'Keine Kamera, kein Mikrofon: Dem Browser wurde verboten, sie dieser Seite zu geben.', 'Sin cámara ni micrófono: el navegador tiene prohibido darlos a esta página.', '没有摄像头和麦克风：浏览器被禁止向此页面开放它们。'],
  gear_missing: ['No camera and no microphone found: you see and hear, and are not seen or heard.', 'Keine Kamera, kein Mikrofon gefunden: Sie sehen und hören, und werden weder gesehen noch gehört.', 'No se encontró cámara ni micrófono: usted ve y oye, pero no le ven ni le oyen.', '未找到摄像头和麦克风：您能看能听，但对方看不到也听不到您。'],
  no_camera_found: ['No camera: you are heard, and not seen.', 'Keine Kamera: Sie werden gehört, nicht gesehen.', 'Sin cámara: le oyen, pero no le ven.', '没有摄像头：对方能听到您，但看不到。'],
  no_mic_found: ['No microphone: you are not heard.', 'Kein Mikrofon: Sie werden nicht gehört.', 'Sin micrófono: no le oyen.', '没有麦克风：对方听不到您。'],
  ask_gear: ['The browser will ask for camera and microphone.', 'Der Browser wird nach Kamera und Mikrofon fragen.', 'El navegador pedirá la cámara y el micrófono.', '浏览器将请求使用摄像头和麦克风。'],
  allow: ['Allow now', 'Jetzt erlauben', 'Permitir ahora', '立即允许'],

  ring: ['Ring', 'Klingeln', 'Llamar', '呼叫'],
  ring_whom: ['Ring {who}', '{who} anklingeln', 'Llamar a {who}', '呼叫 {who}'],
  somebody_else: ['Somebody else, or a group', 'Jemand anders oder eine Gruppe', 'Otra persona o un grupo', '其他人或群组'],
  join_group: ['Join group', 'Gruppe beitreten', 'Unirse al grupo', '加入群组'],
  in_group: ['You are in {group}', 'Sie sind in {group}', 'Está en {group}', '您已加入 {group}'],
  group: ['group', 'Gruppe', 'grupo', '群组'],
  calls: ['Calls', 'Anrufe', 'Llamadas', '通话记录'],
  to: ['To {who}', 'An {who}', 'A {who}', '呼叫 {who}'],
  from: ['From {who}', 'Von {who}', 'De {who}', '来自 {who}'],
  talked: ['Talked {time}', 'Gesprochen {time}', 'Conversación {time}', '通话 {time}'],
  missed: ['Missed', 'Verpasst', 'Perdida', '未接'],
  missed_count: ['Missed calls: {count}', 'Verpasste Anrufe: {count}', 'Llamadas perdidas: {count}', '未接来电：{count}'],
  seen: ['Seen', 'Gesehen', 'Visto', '已读'],
  press_to_ring: ['Press to ring', 'Zum Klingeln drücken', 'Pulse para llamar', '按下呼叫'],

  who_rings: ['{who} rings', '{who} klingelt', '{who} llama', '{who} 来电'],
  rings: ['rings', 'klingelt', 'llama', '来电'],
  to_group: ['to {group}', 'bei {group}', 'a {group}', '呼叫 {group}'],
  says: ['“{data}”', '„{data}“', '«{data}»', '“{data}”'],
  not_in_contacts: ['not among the contacts', 'nicht unter den Kontakten', 'no está entre los contactos', '不在联系人中'],
  decline: ['Decline', 'Ablehnen', 'Rechazar', '拒绝'],
  busy: ['Busy', 'Besetzt', 'Ocupado', '忙'],
  answer: ['Answer', 'Annehmen', 'Contestar', '接听'],
  answer_instead: ['Hang up and answer', 'Auflegen und annehmen', 'Colgar y contestar', '挂断并接听'],
  open_door: ['Open', 'Öffnen', 'Abrir', '开门'],
  open_door_of: ['Open the door: {who}', 'Tür öffnen: {who}', 'Abrir la puerta: {who}', '开门：{who}'],
  told_to_open: ['Told to open: {who}', 'Öffnen gesendet: {who}', 'Orden de abrir enviada: {who}', '已发送开门指令：{who}'],
  not_told_to_open: ['NOT told to open: {who}: {why}', 'NICHT gesendet, Öffnen: {who}: {why}', 'NO enviada la orden de abrir: {who}: {why}', '开门指令未送达：{who}：{why}'],
  cancel: ['Cancel', 'Abbrechen', 'Cancelar', '取消'],
  state_calling: ['{who}: calling', '{who}: wird gerufen', '{who}: llamando', '{who}：正在呼叫'],
  state_ringing: ['{who}: rings', '{who}: klingelt', '{who}: sonando', '{who}：响铃中'],
  state_accepted: ['{who}: accepted', '{who}: angenommen', '{who}: aceptada', '{who}：已接听'],
  state_rejected: ['{who}: declined', '{who}: abgelehnt', '{who}: rechazada', '{who}：已拒绝'],
  state_cancelled: ['{who}: stopped', '{who}: beendet', '{who}: detenida', '{who}：已停止'],
  state_timed_out: ['{who}: no answer', '{who}: keine Antwort', '{who}: sin respuesta', '{who}：无应答'],
  state_revoked: ['{who}: stopped', '{who}: beendet', '{who}: detenida', '{who}：已停止'],
  nobody_there: ['Nobody of {who} is there now.', 'Von {who} ist gerade niemand da.', 'Ahora no hay nadie de {who}.', '{who} 现在无人在线。'],

  mic_on: ['Mic on', 'Mikro an', 'Micro activo', '麦克风开'],
  mic_off: ['Mic off', 'Mikro aus', 'Micro apagado', '麦克风关'],
  mic_none: ['No mic', 'Kein Mikro', 'Sin micro', '无麦克风'],
  camera_on: ['Camera on', 'Kamera an', 'Cámara activa', '摄像头开'],
  camera_off: ['Camera off', 'Kamera aus', 'Cámara apagada', '摄像头关'],
  camera_none: ['No camera', 'Keine Kamera', 'Sin cámara', '无摄像头'],
  add: ['Add', 'Dazu', 'Añadir', '添加'],
  hang_up: ['Hang up', 'Auflegen', 'Colgar', '挂断'],
  own_picture: ['Your own picture', 'Ihr eigenes Bild', 'Su propia imagen', '您的画面'],
  picture_of: ['Picture of {who}', 'Bild von {who}', 'Imagen de {who}', '{who} 的画面'],
  pictures: ['Pictures', 'Bilder', 'Imágenes', '画面'],
  who_else: ['Who else?', 'Wer noch?', '¿Quién más?', '还有谁？'],
  another_person: ['Somebody else', 'Jemand anders', 'Otra persona', '其他人'],
  nobody_left: ['Nobody is left in the list.', 'Niemand mehr in der Liste.', 'No queda nadie en la lista.', '列表中已无其他人。'],
  nobody: ['Nobody', 'Niemand', 'Nadie', '无'],

  in_call_elsewhere: ['In a call with {who} in another window', 'Im Gespräch mit {who} in einem anderen Fenster', 'En una llamada con {who} en otra ventana', '正在另一窗口与 {who} 通话'],
  take_it_here: ['Take it here', 'Hierher holen', 'Continuar aquí', '转到此处'],
  ringing_elsewhere: ['Ringing {who} from another window', 'Ein anderes Fenster klingelt bei {who}', 'Llamando a {who} desde otra ventana', '正从另一窗口呼叫 {who}'],

  ended_declined: ['Declined', 'Abgelehnt', 'Rechazada', '已拒绝'],
  ended_no_answer: ['No answer', 'Keine Antwort', 'Sin respuesta', '无应答'],
  ended_cancelled: ['Cancelled', 'Abgebrochen', 'Cancelada', '已取消'],
  ended_elsewhere: ['Rings from another window', 'Klingelt aus einem anderen Fenster', 'Llama desde otra ventana', '正从另一窗口呼叫'],
  ended_stopped: ['Stopped', 'Beendet', 'Detenida', '已停止'],
  ended_lost: ['Lost', 'Verloren', 'Perdida', '已丢失'],
  ended_answered: ['Answered', 'Angenommen', 'Contestada', '已接听'],
  ended_call: ['Call ended', 'Gespräch beendet', 'Llamada terminada', '通话已结束'],
  ended_connection: ['The connection was lost', 'Die Verbindung ging verloren', 'Se perdió la conexión', '连接已断开'],
  ended_left: ['You left the call', 'Sie haben das Gespräch verlassen', 'Ha salido de la llamada', '您已离开通话'],
  ring_again: ['Ring again', 'Noch einmal', 'Llamar otra vez', '再次呼叫'],
  close: ['Close', 'Schließen', 'Cerrar', '关闭'],

  answered_elsewhere: ['Answered on another device', 'Auf einem anderen Gerät angenommen', 'Contestada en otro dispositivo', '已在其他设备接听'],
  declined_elsewhere: ['Declined on another device', 'Auf einem anderen Gerät abgelehnt', 'Rechazada en otro dispositivo', '已在其他设备拒绝'],
  answered_by: ['Answered by {who}', 'Angenommen von {who}', 'Contestada por {who}', '{who} 已接听'],
  caller_stopped: ['The caller stopped ringing', 'Es klingelt nicht mehr', 'Quien llamaba dejó de llamar', '来电者已停止呼叫'],
  missed_from: ['Missed: {who}', 'Verpasst: {who}', 'Perdida: {who}', '未接：{who}'],
  not_disturbed: ['{who} rang: you were not disturbed', '{who} hat geklingelt: Sie wurden nicht gestört', '{who} llamó: no se le molestó', '{who} 来电：未打扰您'],
  left_call: ['{who} left', '{who} ist gegangen', '{who} ha salido', '{who} 已离开'],
  goes_on_elsewhere: ['The call goes on in another window', 'Das Gespräch geht in einem anderen Fenster weiter', 'La llamada sigue en otra ventana', '通话在另一窗口继续'],
  did_not_come: ['{who}: {why}', '{who}: {why}', '{who}: {why}', '{who}：{why}'],

  settings: ['Settings', 'Einstellungen', 'Ajustes', '设置'],
  language: ['Language', 'Sprache', 'Idioma', '语言'],
  language_own: ['As the browser', 'Wie der Browser', 'La del navegador', '跟随浏览器'],
  keep_awake: ['Keep the screen on', 'Bildschirm anlassen', 'Mantener la pantalla encendida', '保持屏幕常亮'],
  sign_out: ['Sign out', 'Abmelden', 'Cerrar sesión', '退出登录'],
  signed_in_as: ['Signed in as {who}', 'Angemeldet als {who}', 'Sesión de {who}', '已登录：{who}'],

  contacts_not_read: ['contacts.json cannot be read ({why}).', 'contacts.json ist nicht lesbar ({why}).', 'No se puede leer contacts.json ({why}).', '无法读取 contacts.json（{why}）。'],
  contacts_wrong: ['contacts.json: {where}: {why}', 'contacts.json: {where}: {why}', 'contacts.json: {where}: {why}', 'contacts.json：{where}：{why}'],
  not_json: ['this is no JSON', 'das ist kein JSON', 'no es JSON', '不是 JSON'],
  must_be_object: ['must be an object', 'muss ein Objekt sein', 'debe ser un objeto', '必须是对象'],
  must_be_list: ['must be a list', 'muss eine Liste sein', 'debe ser una lista', '必须是列表'],
  must_be_text: ['must be a text of 1 to {most} characters', 'muss ein Text von 1 bis {most} Zeichen sein', 'debe ser un texto de 1 a {most} caracteres', '必须是 1 到 {most} 个字符的文本'],
  must_be_id: ['must be 1 to 64 of A-Z a-z 0-9 . _ @ : -', 'muss aus 1 bis 64 von A-Z a-z 0-9 . _ @ : - bestehen', 'debe tener de 1 a 64 de A-Z a-z 0-9 . _ @ : -', '必须是 1 到 64 个 A-Z a-z 0-9 . _ @ : -'],
  must_be_number: ['must be a whole number from {least} to {most}', 'muss eine ganze Zahl von {least} bis {most} sein', 'debe ser un número entero de {least} a {most}', '必须是 {least} 到 {most} 的整数'],
  must_be_server: ['must begin with ws:// or wss://', 'muss mit ws:// oder wss:// beginnen', 'debe empezar por ws:// o wss://', '必须以 ws:// 或 wss:// 开头'],
  must_be_ice: ['must begin with stun: stuns: turn: or turns:', 'muss mit stun: stuns: turn: oder turns: beginnen', 'debe empezar por stun: stuns: turn: o turns:', '必须以 stun: stuns: turn: 或 turns: 开头'],
  must_be_user_or_group: ['must have either user or group', 'braucht entweder user oder group', 'debe tener user o group', '必须有 user 或 group 之一'],
  open_needs_user: ['a door that opens is a user, not a group', 'eine Tür, die sich öffnet, ist ein user, keine Gruppe', 'una puerta que se abre es un user, no un grupo', '可开的门必须是 user，而不是群组'],
  not_known: ['is no field of contacts.json', 'ist kein Feld von contacts.json', 'no es un campo de contacts.json', '不是 contacts.json 的字段'],
  twice: ['is there twice', 'steht zweimal da', 'está dos veces', '重复'],

  error_user_offline: ['Nobody is there', 'Niemand ist da', 'No hay nadie', '无人在线'],
  error_not_connected: ['No connection to the broker', 'Keine Verbindung zum Broker', 'Sin conexión con el broker', '未连接到 broker'],
  error_no_reply: ['The broker does not answer', 'Der Broker antwortet nicht', 'El broker no responde', 'broker 没有响应'],
  error_no_beckon: ['This broker has no Beckon', 'Dieser Broker hat kein Beckon', 'Este broker no tiene Beckon', '此 broker 没有 Beckon'],
  error_already_accepted: ['Answered on another device', 'Auf einem anderen Gerät angenommen', 'Contestada en otro dispositivo', '已在其他设备接听'],
  error_already_rejected: ['Declined on another device', 'Auf einem anderen Gerät abgelehnt', 'Rechazada en otro dispositivo', '已在其他设备拒绝'],
  error_already_cancelled: ['Cancelled', 'Abgebrochen', 'Cancelada', '已取消'],
  error_already_timed_out: ['Too late', 'Zu spät', 'Demasiado tarde', '太晚了'],
  error_already_ended: ['It is over', 'Es ist vorbei', 'Ya terminó', '已结束'],
  error_not_member: ['You are not in that group', 'Sie sind nicht in dieser Gruppe', 'No está en ese grupo', '您不在该群组中'],
  error_unknown_group: ['There is no such group', 'Diese Gruppe gibt es nicht', 'Ese grupo no existe', '没有该群组'],
  error_rate_limited: ['Too often: wait a moment', 'Zu oft: einen Moment warten', 'Demasiadas veces: espere un momento', '过于频繁：请稍候'],
  error_not_allowed: ['This is not allowed', 'Das ist nicht erlaubt', 'No está permitido', '不被允许'],
};

/** The first of these that the page speaks: `de-AT` is German. */
export function pickLanguage(wanted) {
  const short = wanted.map((one) => String(one).toLowerCase().split('-')[0]);
  return short.find((one) => languages.includes(one)) ?? 'en';
}

/** `t(key, words)`: that sentence in the language, the words put in as they are. */
export function translator(language) {
  const at = languages.indexOf(language);
  const t = (key, words = {}) => table[key][at].replace(/\{(\w+)\}/g, (_, word) => String(words[word] ?? ''));
  t.language = language;
  t.has = (key) => Object.hasOwn(table, key);
  return t;
}
