package main

import (
	"strings"
)

// person is somebody invented: given and family names are drawn from lists and joined at random.
type person struct {
	first, last string
	nick        string
	culture     string
	mail        string
}

func (p person) full() string { return p.first + " " + p.last }

// culture is a stock of common names, and the countries whose customers bear them most.
type culture struct {
	first, last []string
}

func names(s string) []string { return strings.Fields(s) }

var cultures = map[string]culture{
	"english": {
		names("Alice Andrew Beth Brian Carol Catherine Daniel Debbie Edward Emily Fiona Gareth George Gordon Hannah Harriet Holly Ian Jack Jacqueline Jamie Jessica Joanne Keith Kerry Laura Lewis Lucy Malcolm Megan Nigel Olivia Pamela Philip Rachel Rebecca Roger Rosie Rupert Samantha Simon Stuart Susan Thomas Tracey Victoria Wendy William Zoe Hazel"),
		names("Abbott Ackroyd Archer Barlow Bexley Birch Blackwood Bramley Carter Chadwick Clegg Colebrook Cresswell Dalton Denby Dunmore Eastwood Ellery Fairburn Farrow Fenwick Garside Gilmour Hadley Hargreaves Hartnell Hollis Huxtable Ingham Jessop Kendrick Langley Lockwood Marsden Merriweather Norcross Oakley Pemberton Prescott Radcliffe Ridgeway Sheldrake Stanhope Thackeray Underhill Wainwright Westerby Whitlock Yardley Young"),
	},
	"american": {
		names("Aaron Amber Ashley Austin Brandon Brittany Caleb Chelsea Chad Cheryl Cody Crystal Darnell Dwayne Ethan Faith Gina Heather Hunter Jada Jasmine Jeremy Kayla Keisha Kevin Kristen Lamar Latoya Logan Mackenzie Marcus Melissa Mindy Nathan Nicole Paige Randy Rhonda Savannah Scott Shawn Stacy Tamika Tanner Tiffany Todd Travis Trevor Tyrone Whitney"),
		names("Adkins Ballard Barnett Beasley Boone Brubaker Calloway Caldwell Castleberry Coggins Crenshaw Daughtry Delacroix Dillard Eckhart Everson Fitzgerald Fontenot Galloway Goodwin Grantham Haggerty Hendricks Holloway Hutchins Jamison Kessler Kirkpatrick Landry Lattimore Ledbetter McAllister McCready Mayfield Montgomery Nesbitt Overstreet Pettigrew Pruitt Rasmussen Rutledge Sandoval Shackelford Stallworth Tillman Vandermeer Wadsworth Whitaker Yarbrough Zeller"),
	},
	"german": {
		names("Annika Anja Bastian Bernd Birgit Claudia Dieter Dörte Elke Ernst Felix Florian Franziska Gerhard Gisela Günther Hannelore Heike Helmut Ingo Ingrid Jens Jürgen Jutta Karin Katharina Kerstin Lars Lukas Manfred Marlene Matthias Monika Niklas Petra Rainer Renate Rüdiger Sabine Sebastian Silke Stefan Susanne Tobias Ulrike Uwe Volker Wiebke Wolfgang Yvonne"),
		names("Albers Auerbach Bachmeier Baumgärtner Beckenkamp Birnbaum Brandstätter Brinkmann Büttner Dietrich Dörfler Ebersbach Eichhorn Engelhardt Fassbinder Feldkamp Fröhlich Gerlach Göbel Grünwald Habermann Heidenreich Hinrichs Holzapfel Jäger Kirchhoff Kleinschmidt Köhler Kratzer Lindemann Löffler Mühlbauer Neuhaus Oberländer Pfeiffer Quandt Rademacher Reinhardt Rosenkranz Schäfer Schönfeld Schürmann Steinmetz Thiele Uhlig Vogelsang Wagenknecht Weißmann Wiesner Zimmermann"),
	},
	"french": {
		names("Adèle Agathe Alain Amélie Antoine Arnaud Aurélie Baptiste Benoît Bérengère Brigitte Camille Cécile Chantal Christophe Clémence Damien Delphine Édouard Élodie Émilie Fabrice Florence Françoise Gaëlle Geneviève Gilles Guillaume Hélène Hugues Inès Jérôme Joël Laetitia Loïc Lucie Margaux Mathilde Maxime Noémie Odile Pascal Quentin Rémi Sandrine Solène Sylvain Thibault Valérie Yannick"),
		names("Aubert Barbier Beaumont Belanger Blanchard Bonnefoy Bourdon Brossard Carpentier Chapelle Charpentier Chevallier Clément Courtois Delacour Delorme Deschamps Duchesne Dufour Fontaine Fournier Garnier Gaudin Germain Girard Guérin Hébert Jacquemin Labbé Lacombe Langlois Laroche Leclerc Lefèvre Lemoine Maillard Marchand Mercier Montclair Pelletier Perrin Picard Renaud Rousselle Sauvage Tessier Thibodeau Vasseur Verdier Villeneuve"),
	},
	"spanish": {
		names("Adriana Alejandro Alba Álvaro Amparo Andrés Araceli Beatriz Begoña Carmen Concepción Consuelo Cristóbal Diego Dolores Emilio Esperanza Esteban Fernando Gonzalo Guadalupe Ignacio Inmaculada Itziar Javier Joaquín Lorena Lourdes Manuel Maribel Marisol Mercedes Montserrat Nieves Nuria Pablo Paloma Pilar Ramón Raúl Rocío Rodrigo Rosario Sergio Soledad Teresa Tomás Vicente Ximena Yolanda"),
		names("Aguirre Alarcón Almagro Arroyo Ballesteros Barrientos Bermúdez Cabrera Calderón Camacho Carrasco Castañeda Cisneros Cordero Cuevas Delgado Echeverría Escobar Figueroa Fuentes Gallardo Garrido Guerrero Herrera Hinojosa Ibarra Izquierdo Jiménez Lozano Maldonado Manzano Medrano Mendizábal Montoya Navarrete Olivares Ordóñez Palacios Peñalver Quintana Rebollo Riquelme Rosales Salazar Sepúlveda Tejada Urrutia Valdivia Villalobos Zamora"),
	},
	"italian": {
		names("Alessia Andrea Antonella Bruno Chiara Claudio Daniela Davide Elisa Enzo Fabrizio Federica Francesca Gennaro Giacomo Gianluca Giulia Graziella Ilaria Lorenzo Luciana Marco Matteo Nicoletta Ornella Paola Pietro Raffaella Rocco Salvatore Serena Silvio Stefania Tommaso Umberto Valentina Vittorio"),
		names("Abbate Barbieri Bellini Bertolini Bianchetti Cattaneo Colombo Conti D'Amico De-Santis Esposito Fabbri Ferrante Galli Gentile Grassi Lombardi Mancini Marchetti Mazza Moretti Negri Orlandi Palmieri Pellegrini Ricci Romagnoli Sartori Tedesco Vitale"),
	},
	"dutch": {
		names("Anouk Bram Carlijn Daan Esmée Femke Fleur Gijs Hendrik Ilse Jasper Jeroen Joost Joris Karlijn Koen Lieke Lotte Maarten Marieke Niels Noortje Pieter Roos Ruud Sanne Sjoerd Teun Wouter Yvette"),
		names("Bakker Boersma Brouwer Dijkstra Hoekstra Huisman Jansen Kuipers Mulder Postma Schouten Smits Veenstra Verhoeven Vermeer Visser Vos Wiersma Zijlstra Zonneveld Kramer Koster Peeters Hendriks Dekker"),
	},
	"polish": {
		names("Agnieszka Aleksandra Andrzej Bartosz Beata Bogdan Dariusz Dorota Ewa Grażyna Grzegorz Halina Iwona Jacek Jadwiga Joanna Kamil Karolina Krzysztof Łukasz Magdalena Małgorzata Marcin Maciej Paweł Piotr Rafał Sławomir Wiesława Zbigniew"),
		names("Adamczyk Bielecki Borkowska Chmielewski Czarnecka Dąbrowski Gajewski Głowacka Jabłoński Kaczmarek Kowalczyk Krawczyk Lewandowska Łuczak Majewski Mazurek Nowicka Ostrowski Pawlak Rutkowski Sikorska Sobczak Szczepański Tomaszewska Urbański Walczak Witkowski Wójtowicz Zając Zieliński"),
	},
	"nordic": {
		names("Anders Astrid Birgitta Bjørn Eirik Elin Erik Freja Gunnar Hanna Håkan Ingeborg Johan Kaisa Kirsten Lasse Linnea Magnus Maja Mikkel Nils Oskar Pernille Rasmus Signe Sigrid Solveig Søren Sven Tuomas"),
		names("Andersson Berglund Bjørnstad Dahlgren Ekström Engström Falk Forsberg Hagen Halvorsen Hedlund Holmqvist Kjeldsen Korhonen Lindqvist Lundgren Mikkelsen Mortensen Nordahl Nyström Öberg Rosenqvist Sandvik Sjöberg Strømme Sundström Thorsen Virtanen Wikström Östlund"),
	},
	"indian": {
		names("Aarav Aditi Ajay Anand Ananya Anjali Arjun Ashwin Bhavana Chetan Deepa Devika Farhan Gauri Geeta Harish Ishaan Jaya Kavita Kiran Lakshmi Manish Meera Mohan Nandini Neha Nikhil Pooja Pradeep Priya Rahul Rajesh Rekha Rohan Sandeep Sangeeta Shreya Sunil Tanvi Vikram"),
		names("Acharya Agarwal Bhatnagar Bose Chakraborty Chaudhary Choudhury Desai Deshpande Dutta Ganguly Ghosh Gupta Iyer Jadhav Joshi Kapoor Kulkarni Malhotra Mehta Menon Mishra Mukherjee Nair Narayanan Patel Pillai Rao Reddy Saxena Sharma Shetty Sinha Subramaniam Trivedi Venkatesan Verma"),
	},
	"arabic": {
		names("Aisha Ahmed Amina Bilal Dalia Faisal Farah Fatima Hamza Hana Hassan Hussein Ibrahim Imane Karim Khadija Khalid Layla Leila Mahmoud Mariam Mohammed Mustafa Nadia Noura Omar Rania Rashid Salma Samir Tariq Walid Yasmin Youssef Zainab"),
		names("Abadi Abdallah Al-Amin Al-Farouq Al-Sayed Ansari Aziz Bakri Benali Bouazza Chaoui Darwish El-Masri Fadel Haddad Hakimi Hamdan Idrissi Jabari Kassem Khalil Khoury Mansour Najjar Qureshi Rahman Saleh Shaheen Tahiri Zaman Zerhouni"),
	},
	"chinese": {
		names("Bo Chen Cheng Dan Fang Guang Hao Hua Hui Jian Jiayi Jing Jun Lan Lei Li Lin Ling Mei Min Ning Ping Qiang Rong Shan Tao Wei Xia Xiaoming Xin Yan Yifan Yuxuan Zhen Zihan"),
		names("Bai Cai Cao Deng Ding Dong Fan Feng Gao Guo Han He Hou Huang Jiang Kong Liang Liao Liu Luo Ma Meng Pan Peng Qian Qiu Shen Shi Song Sun Tan Tang Wang Xie Xu Yao Yuan Zhang Zhao Zheng Zhou Zhu"),
	},
	"japanese": {
		names("Aiko Akira Asuka Ayumi Chihiro Daichi Emi Haruka Haruto Hiroshi Kaito Kazuo Keiko Kenji Makoto Mariko Megumi Naoki Noriko Reiko Ryota Sachiko Satoshi Shinji Takeshi Tomoko Yuki Yumiko"),
		names("Aoki Arai Endo Fujimoto Fukuda Hasegawa Hayashi Ikeda Inoue Ishikawa Kaneko Kimura Kobayashi Matsuda Miyazawa Morimoto Nakagawa Nishimura Ogawa Okada Saito Sakamoto Shimizu Sugiyama Takahashi Tanabe Uchida Watanabe Yamashita Yoshida"),
	},
	"korean": {
		names("Ji-hoon Min-jun Seo-yeon Ha-eun Ji-woo Hyun-woo Soo-jin Eun-ji Tae-hyung Yu-na Dong-hyun Kyung-soo Mi-rae Sang-woo Jae-won Hye-jin"),
		names("Kim Lee Park Choi Jung Kang Cho Yoon Jang Lim Han Oh Seo Shin Kwon Hwang Ahn Hong Yoo Bae"),
	},
	"african": {
		names("Abena Adaeze Adebayo Amara Amina Ayodele Babajide Chidi Chinwe Chioma Ekow Emeka Esi Folake Ifeoma Kofi Kwabena Kwame Lerato Makena Mandla Naledi Ngozi Nkechi Obinna Olumide Sipho Tendai Thabo Thandiwe Tunde Wanjiru Yaa Zanele"),
		names("Achebe-Owusu Adeleke Adeyemi Afolabi Agyeman Akintola Asante Balogun Boateng Dlamini Eze Igwe Kamau Khumalo Kimani Mbeki-Nkosi Mensah Mokoena Moyo Mutasa Mwangi Ndlovu Nwosu Obi Odhiambo Ogunleye Okafor Okonkwo Okoro Osei Otieno Sithole Wambui Zulu"),
	},
	"slavic": {
		names("Alexei Anastasia Bogdana Borislav Bojan Dmitri Dragana Elena Galina Goran Igor Iryna Ivana Jelena Katarina Ksenia Lyudmila Marko Milan Milica Mykola Nadezhda Oksana Oleh Olga Petar Sergei Snezana Stanislav Svetlana Taras Vesna Vlado Yulia Zoran"),
		names("Antonov Babić Bondarenko Dimitrov Filipović Fomenko Georgieva Grigorov Horvat Hrytsenko Ivanchuk Jovanović Karpenko Kovačević Kuzmenko Lazarov Marković Melnyk Morozov Nikolić Novak Pavlenko Petrović Popescu Romanenko Savchenko Shevchuk Sokolov Stoyanova Tkachenko Vasilev Volkova Zaytsev Zhukov"),
	},
	"turkish": {
		names("Ahmet Aslı Ayşe Barış Burak Can Cem Defne Deniz Derya Elif Emre Esra Gizem Gökhan Hakan Hülya İrem Kemal Leyla Mehmet Melike Murat Onur Özge Pınar Selin Serkan Tülin Volkan Yasemin Zeynep"),
		names("Akbulut Aksoy Arslan Avcı Aydın Bozkurt Çelik Demirci Doğan Erdoğmuş Gündüz Güneş Kaplan Karahan Kılıç Koçak Korkmaz Öztürk Polat Şahin Tekin Topal Uysal Yalçın Yavuz Yıldız"),
	},
	"portuguese": {
		names("Ana Afonso Bruna Caio Catarina Célia Duarte Eduarda Fábio Filipa Gustavo Heitor Inês João Jorge Juliana Larissa Leandro Luís Mafalda Márcio Mateus Nelson Otávio Paulo Rafaela Renata Rita Rogério Sílvia Tatiana Thiago Vânia Vitória"),
		names("Almeida Amaral Araújo Azevedo Barbosa Bittencourt Brandão Cardoso Carvalhal Coutinho Esteves Figueiredo Fonseca Furtado Guimarães Leitão Macedo Machado Magalhães Moreira Nogueira Pacheco Pinheiro Queirós Ribeiro Sampaio Siqueira Tavares Teixeira Vasconcelos Viana"),
	},
	"irish": {
		names("Aidan Aisling Aoife Brendan Bríd Caoimhe Cathal Ciara Cillian Colm Declan Deirdre Eimear Eoin Fergal Fionnuala Gráinne Kieran Maeve Muireann Niall Niamh Oisín Orla Padraig Róisín Ronan Saoirse Seán Sinéad"),
		names("Brannigan Breathnach Callaghan Costello Delaney Devlin Donnelly Fallon Finnegan Gallagher Geraghty Hennessy Kavanagh Keane Kinsella Lafferty MacCarthy McGrath McLoughlin Moloney Mulcahy Nolan O'Brien O'Driscoll O'Hara O'Keeffe O'Rourke Quinlan Rafferty Sweeney Tierney"),
	},
	"vietnamese": {
		names("An Anh Binh Chau Duc Dung Hanh Hieu Hoa Hung Huong Khanh Lan Linh Long Minh Nga Ngoc Nhung Phuong Quang Son Thanh Thao Thuy Trang Trung Tuan Vinh Xuan"),
		names("Nguyen Tran Le Pham Hoang Phan Vu Vo Dang Bui Do Ho Ngo Duong Ly Dinh Doan Luong Trinh"),
	},
}

var nicknames = map[string]string{
	"Andrew": "Andy", "Catherine": "Cathy", "Daniel": "Dan", "Debbie": "Deb", "Edward": "Ted", "Jacqueline": "Jackie",
	"Jessica": "Jess", "Philip": "Phil", "Rebecca": "Becky", "Samantha": "Sam", "Susan": "Sue", "Thomas": "Tom",
	"Victoria": "Vicky", "William": "Bill", "Jeremy": "Jez", "Kristen": "Kris", "Nicole": "Nicky", "Matthias": "Matze",
	"Katharina": "Kathi", "Sebastian": "Basti", "Franziska": "Franzi", "Susanne": "Susi", "Guillaume": "Guigui",
	"Alejandro": "Álex", "Francesca": "Fra", "Concepción": "Concha", "Ignacio": "Nacho", "Dolores": "Lola",
	"Mercedes": "Merche", "Aleksandra": "Ola", "Małgorzata": "Gosia", "Krzysztof": "Krzysiek", "Magdalena": "Magda",
	"Mohammed": "Mo", "Elizabeth": "Liz", "Nathan": "Nate", "Melissa": "Mel", "Tiffany": "Tiff", "Padraig": "Paddy",
	"Anastasia": "Nastya", "Rajesh": "Raj", "Lakshmi": "Lux", "Montserrat": "Montse", "Maximilian": "Max",
}

// culturesOf names the cultures of a country's customers, likeliest first; the rest come from anywhere.
var culturesOf = map[string][]string{
	"US": {"american", "american", "spanish", "chinese", "korean", "english", "indian", "vietnamese", "african"},
	"GB": {"english", "english", "irish", "indian", "african", "arabic", "polish"},
	"IE": {"irish", "irish", "english", "polish", "african"},
	"DE": {"german", "german", "german", "turkish", "slavic", "polish", "italian"},
	"AT": {"german", "german", "slavic", "turkish"},
	"CH": {"german", "french", "italian"},
	"FR": {"french", "french", "french", "arabic", "portuguese", "african"},
	"BE": {"french", "dutch", "arabic"},
	"ES": {"spanish", "spanish", "spanish", "arabic", "slavic"},
	"IT": {"italian", "italian", "italian", "slavic"},
	"NL": {"dutch", "dutch", "turkish", "arabic"},
	"PL": {"polish", "polish", "polish", "slavic"},
	"SE": {"nordic", "nordic", "arabic", "slavic"},
	"IN": {"indian"},
	"AU": {"english", "irish", "vietnamese", "chinese", "indian"},
	"CA": {"american", "french", "chinese", "indian", "english"},
	"BR": {"portuguese", "portuguese", "italian", "japanese"},
	"JP": {"japanese"},
}

func newPerson(r *rng, country string) person {
	name := "english"
	switch list := culturesOf[country]; {
	case r.chance(0.12):
		name = pick(r, cultureNames)
	case len(list) > 0:
		name = pick(r, list)
	}
	c := cultures[name]
	p := person{first: pick(r, c.first), last: pick(r, c.last), culture: name}
	p.nick = nicknames[p.first]
	if p.nick == "" || r.chance(0.5) {
		p.nick = p.first
	}
	if name == "spanish" && r.chance(0.35) {
		p.last += " " + pick(r, c.last)
	} else if r.chance(0.04) {
		p.last += "-" + pick(r, c.last)
	}
	if name == "dutch" && r.chance(0.35) {
		p.last = pick(r, []string{"van der ", "de ", "van den ", "van "}) + p.last
	}
	p.mail = mailAddress(r, p)
	return p
}

var cultureNames = names("english american german french spanish italian dutch polish nordic indian arabic chinese japanese korean african slavic turkish portuguese irish vietnamese")

var folds = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "é", "e", "è", "e", "ê", "e", "ë", "e", "á", "a", "à", "a",
	"ã", "a", "â", "a", "å", "a", "ç", "c", "ć", "c", "č", "c", "í", "i", "î", "i", "ï", "i", "ì", "i", "ı", "i", "i̇", "i", "ł", "l", "ñ", "n",
	"ń", "n", "ó", "o", "ò", "o", "ô", "o", "õ", "o", "ø", "o", "ś", "s", "š", "s", "ş", "s", "ú", "u", "ù", "u", "û", "u", "ź", "z",
	"ż", "z", "ž", "z", "ą", "a", "ę", "e", "ğ", "g", "ý", "y", "œ", "oe", "æ", "ae", " ", "", "'", "", "-", "")

func ascii(s string) string { return folds.Replace(strings.ToLower(s)) }

// Domains under .example and example.com/.net/.org belong to nobody (RFC 2606).
var mailHosts = names("example.com example.com example.org example.net mail.example post.example inbox.example fastmail.example webmail.example home.example posteo.example")

func mailAddress(r *rng, p person) string {
	return mailLocal(r, p) + "@" + pick(r, mailHosts)
}

func mailLocal(r *rng, p person) string {
	f, l := ascii(p.first), ascii(p.last)
	switch r.intn(8) {
	case 0, 1, 2:
		return f + "." + l
	case 3:
		return f[:1] + "." + l
	case 4:
		return f[:1] + l
	case 5:
		return f + "_" + l
	case 6:
		return f + r.fill("##")
	default:
		return l + "." + f + r.fill("#")
	}
}

// mention writes a name the way people do in passing.
func (p person) mention(r *rng) string {
	switch r.intn(14) {
	case 0:
		return p.first[:len(firstRune(p.first))] + ". " + p.last
	case 1:
		return p.first + " " + firstRune(p.last) + "."
	case 2:
		return p.last + ", " + p.first
	case 3:
		return p.first + " " + strings.ToUpper(p.last)
	case 4:
		return strings.ToLower(p.full())
	case 5:
		return p.nick + " " + p.last
	default:
		return p.full()
	}
}

func firstRune(s string) string {
	for i := range s {
		if i > 0 {
			return s[:i]
		}
	}
	return s
}
