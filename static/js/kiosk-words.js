// What a screen says by itself, in the languages that owners may choose for it (main/pages/kiosk_owners.py).

const WORDS = {
  en: {
    ring: "Ring", ringing: "Ringing …", known: "They know you are here.", sees: "Somebody is seeing to it.",
    kept: "The house cannot be reached. Your ring is kept and told as soon as it can. Please knock as well.",
    late: "The house has been told of your ring at {time}.", refused: "Ringing is not possible just now. Please knock.",
    line: "No connection to the house since {time}. A ring is told later.", engine: "The bell may be late just now.",
    always: "This place is filmed and recorded.", only: "This place is filmed. When somebody rings it is recorded.",
    never: "This place is filmed live. Nothing is recorded.", watched: "Watching now: {names}.",
    nobody: "Nobody is watching just now.", no_bell: "no bell",
  },
  de: {
    ring: "Klingeln", ringing: "Es klingelt …", known: "Man weiß, dass Sie da sind.", sees: "Jemand kümmert sich darum.",
    kept: "Das Haus ist nicht erreichbar. Ihr Klingeln wird gemerkt und gemeldet, sobald es geht. Bitte klopfen Sie auch.",
    late: "Ihr Klingeln von {time} ist gemeldet.", refused: "Klingeln geht gerade nicht. Bitte klopfen Sie.",
    line: "Keine Verbindung zum Haus seit {time}. Ein Klingeln wird später gemeldet.", engine: "Die Klingel kann gerade verspätet sein.",
    always: "Hier wird gefilmt und aufgezeichnet.", only: "Hier wird gefilmt. Wenn jemand klingelt, wird aufgezeichnet.",
    never: "Hier wird live gefilmt. Nichts wird aufgezeichnet.", watched: "Es sehen gerade zu: {names}.",
    nobody: "Gerade sieht niemand zu.", no_bell: "keine Klingel",
  },
  es: {
    ring: "Llamar", ringing: "Llamando …", known: "Ya saben que está aquí.", sees: "Alguien se está ocupando.",
    kept: "No hay conexión con la casa. Su llamada se guarda y se avisará en cuanto sea posible. Llame también a la puerta.",
    late: "Ya se ha avisado de su llamada de las {time}.", refused: "Ahora no se puede llamar. Golpee la puerta, por favor.",
    line: "Sin conexión con la casa desde las {time}. Las llamadas se avisan después.", engine: "El timbre puede tardar en este momento.",
    always: "Este lugar se filma y se graba.", only: "Este lugar se filma. Cuando alguien llama, se graba.",
    never: "Este lugar se filma en directo. No se graba nada.", watched: "Mirando ahora: {names}.",
    nobody: "Ahora no mira nadie.", no_bell: "sin timbre",
  },
  fr: {
    ring: "Sonner", ringing: "Ça sonne …", known: "On sait que vous êtes là.", sees: "Quelqu’un s’en occupe.",
    kept: "La maison est injoignable. Votre appel est gardé et sera annoncé dès que possible. Frappez aussi, s’il vous plaît.",
    late: "Votre appel de {time} a été annoncé.", refused: "Impossible de sonner en ce moment. Frappez, s’il vous plaît.",
    line: "Pas de connexion avec la maison depuis {time}. Un appel sera annoncé plus tard.", engine: "La sonnette peut avoir du retard en ce moment.",
    always: "Ce lieu est filmé et enregistré.", only: "Ce lieu est filmé. Quand quelqu’un sonne, c’est enregistré.",
    never: "Ce lieu est filmé en direct. Rien n’est enregistré.", watched: "Regardent en ce moment : {names}.",
    nobody: "Personne ne regarde en ce moment.", no_bell: "pas de sonnette",
  },
  it: {
    ring: "Suona", ringing: "Sta suonando …", known: "Sanno che Lei è qui.", sees: "Qualcuno se ne occupa.",
    kept: "La casa non è raggiungibile. La chiamata è conservata e sarà annunciata appena possibile. Bussi anche alla porta.",
    late: "La chiamata delle {time} è stata annunciata.", refused: "Ora non si può suonare. Bussi, per favore.",
    line: "Nessun collegamento con la casa dalle {time}. Le chiamate sono annunciate dopo.", engine: "Il campanello ora può essere in ritardo.",
    always: "Questo luogo è filmato e registrato.", only: "Questo luogo è filmato. Quando qualcuno suona, viene registrato.",
    never: "Questo luogo è filmato dal vivo. Nulla è registrato.", watched: "Stanno guardando: {names}.",
    nobody: "Ora non guarda nessuno.", no_bell: "nessun campanello",
  },
  nl: {
    ring: "Bellen", ringing: "Er wordt gebeld …", known: "Ze weten dat u er bent.", sees: "Iemand kijkt ernaar.",
    kept: "Het huis is niet bereikbaar. Uw bel wordt bewaard en gemeld zodra het kan. Klop ook even aan.",
    late: "Uw bel van {time} is gemeld.", refused: "Bellen kan nu niet. Klop alstublieft aan.",
    line: "Geen verbinding met het huis sinds {time}. Bellen wordt later gemeld.", engine: "De bel kan nu vertraagd zijn.",
    always: "Hier wordt gefilmd en opgenomen.", only: "Hier wordt gefilmd. Als iemand belt, wordt het opgenomen.",
    never: "Hier wordt live gefilmd. Er wordt niets opgenomen.", watched: "Kijken nu mee: {names}.",
    nobody: "Er kijkt nu niemand mee.", no_bell: "geen bel",
  },
  pl: {
    ring: "Zadzwoń", ringing: "Dzwonek dzwoni …", known: "Wiadomo, że tu jesteś.", sees: "Ktoś się tym zajmuje.",
    kept: "Brak łączności z domem. Dzwonek jest zapamiętany i zostanie przekazany, gdy tylko się da. Proszę też zapukać.",
    late: "Przekazano dzwonek z godziny {time}.", refused: "Teraz nie można zadzwonić. Proszę zapukać.",
    line: "Brak łączności z domem od {time}. Dzwonek zostanie przekazany później.", engine: "Dzwonek może się teraz spóźniać.",
    always: "To miejsce jest filmowane i nagrywane.", only: "To miejsce jest filmowane. Gdy ktoś dzwoni, jest nagrywane.",
    never: "To miejsce jest filmowane na żywo. Nic nie jest nagrywane.", watched: "Teraz ogląda: {names}.",
    nobody: "Teraz nikt nie ogląda.", no_bell: "brak dzwonka",
  },
  pt: {
    ring: "Tocar", ringing: "A tocar …", known: "Já sabem que está aqui.", sees: "Alguém está a tratar disso.",
    kept: "Não há ligação à casa. O seu toque fica guardado e é avisado logo que possível. Bata também à porta.",
    late: "A casa já foi avisada do seu toque das {time}.", refused: "Agora não é possível tocar. Bata à porta, por favor.",
    line: "Sem ligação à casa desde as {time}. Os toques são avisados depois.", engine: "A campainha pode atrasar-se agora.",
    always: "Este local é filmado e gravado.", only: "Este local é filmado. Quando alguém toca, é gravado.",
    never: "Este local é filmado em direto. Nada é gravado.", watched: "A ver agora: {names}.",
    nobody: "Agora ninguém está a ver.", no_bell: "sem campainha",
  },
};

/** The words of a language, English where there are none; values fill what stands in braces. */
export function words(language) {
  const own = WORDS[language] ?? WORDS[String(language).split("-")[0]] ?? WORDS.en;
  return (name, values = {}) => own[name].replace(/\{(\w+)\}/g, (_, key) => values[key] ?? "");
}

/** The languages the built-in notices are shown in: the screen's own, then English. */
export function spoken(language) {
  const own = WORDS[language] || WORDS[String(language).split("-")[0]] ? language : "en";
  return own.split("-")[0] === "en" ? [own] : [own, "en"];
}
