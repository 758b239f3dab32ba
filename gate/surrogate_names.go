package gate

import (
	"slices"
	"strings"
	"sync"
)

// role is what a word of a name is.
type role string

const (
	female   role = "f"
	male     role = "m"
	surname  role = "s"
	anyGiven role = "g" // a first name of either gender
)

// culture is a set of names that go together. The lists are small, made for
// this package, and of names so common that no one is meant by them.
type culture struct {
	female, male, surnames []string
	// endings tell a surname of the culture that is not listed.
	endings []string
}

func cultureFrom(female, male, surnames, endings string) culture {
	return culture{strings.Fields(female), strings.Fields(male), strings.Fields(surnames), strings.Fields(endings)}
}

// latinCultures come first in cultures: those written in Latin letters.
//
//nolint:misspell // names
var latinCultures = []culture{
	cultureFrom( // English; what nothing is known of is taken for it
		"Alice Amelia Beth Caroline Charlotte Claire Diana Eleanor Emily Fiona Grace Hannah Helen Isabel Jane Julia Karen Laura Lucy Margaret Megan Nancy Olivia Rachel Rebecca Ruth Sarah Sophie Susan Victoria Mary Linda Patricia Jennifer Elizabeth",
		"Adam Alan Andrew Arthur Benjamin Brian Charles Colin Daniel David Edward Frank George Graham Henry Jack James John Keith Kevin Mark Martin Matthew Michael Neil Oliver Paul Peter Philip Richard Robert Simon Stephen Thomas William",
		"Atkinson Bailey Baker Bennett Brooks Carter Clarke Coleman Cooper Davies Edwards Ellis Fisher Foster Gray Green Hall Harris Hughes Jackson Johnson King Lewis Mason Miller Morgan Palmer Parker Price Reed Roberts Shaw Smith Taylor Turner Walker Watson Webb White Wilson Wood Wright Young Jones Brown Williams",
		"son ton ley ford well"),
	cultureFrom( // German
		"Andrea Anja Anna Birgit Christine Claudia Elke Eva Franziska Gabriele Greta Hannelore Heike Ingrid Jana Johanna Karin Katharina Lena Lisa Marlene Monika Petra Renate Sabine Silke Stefanie Ulrike Ursula Ute",
		"Andreas Bernd Christian Dieter Dirk Felix Florian Frank Fritz Gerhard Günter Hans Heinrich Holger Jens Jürgen Karl Klaus Lukas Manfred Matthias Max Moritz Olaf Rainer Sebastian Stefan Thorsten Uwe Wolfgang",
		"Bauer Becker Beck Braun Fischer Frank Fuchs Hartmann Hoffmann Huber Jung Kaiser Keller Klein Koch Köhler König Krämer Krüger Lang Lehmann Maier Meyer Müller Neumann Peters Richter Roth Schäfer Schmidt Schmitt Schneider Scholz Schröder Schulz Schwarz Vogel Wagner Weber Weiß Werner Wolf Zimmermann",
		"mann bauer meier mayer stein berg müller schmidt"),
	cultureFrom( // French
		"Adèle Agnès Amélie Anne Aurélie Béatrice Camille Catherine Cécile Céline Chloé Claire Delphine Élise Émilie Françoise Hélène Isabelle Jeanne Juliette Léa Louise Manon Marie Mathilde Monique Nathalie Odile Sylvie Véronique",
		"Alain Antoine Arnaud Bernard Christophe Claude Denis Didier Émile Étienne Fabrice François Gérard Guillaume Henri Hugo Jacques Jean Jérôme Julien Laurent Louis Luc Marcel Mathieu Nicolas Olivier Pascal Philippe Pierre Thierry Yves",
		"Bernard Bertrand Blanc Bonnet Boyer Chevalier Clément David Dubois Dupont Durand Faure Fontaine Fournier François Garnier Gauthier Girard Guérin Henry Lambert Laurent Lefebvre Legrand Leroy Martin Masson Mercier Michel Moreau Morel Perrin Petit Richard Robert Rousseau Roux Simon Thomas Vincent",
		"eau aux ier ault ard ont"),
	cultureFrom( // Spanish
		"Alba Alicia Ana Andrea Beatriz Carla Carmen Clara Cristina Dolores Elena Esperanza Eva Gloria Inés Irene Isabel Laura Lorena Lucía Luisa María Marta Mercedes Natalia Paula Pilar Raquel Rocío Rosa Sara Silvia Sofía Teresa",
		"Alberto Alejandro Álvaro Andrés Ángel Antonio Carlos César Diego Eduardo Emilio Enrique Felipe Fernando Francisco Gonzalo Hugo Ignacio Javier Jesús Joaquín Jorge José Juan Luis Manuel Miguel Pablo Pedro Rafael Ramón Raúl Sergio",
		"Alonso Álvarez Blanco Calvo Cano Castro Díaz Delgado Domínguez Fernández Flores García Garrido Gil Gómez González Gutiérrez Hernández Herrera Iglesias Jiménez López Martín Martínez Medina Molina Morales Moreno Muñoz Navarro Ortega Ortiz Pérez Ramírez Ramos Rodríguez Romero Rubio Ruiz Sánchez Sanz Torres Vázquez Vega",
		"ez az oz illo"),
	cultureFrom( // Italian
		"Alessandra Alessia Angela Anna Arianna Bianca Carla Caterina Chiara Claudia Cristina Daniela Elena Elisa Federica Francesca Giorgia Giovanna Giulia Ilaria Lucia Luisa Marta Martina Monica Paola Roberta Serena Silvia Valentina",
		"Alberto Alessandro Andrea Angelo Antonio Bruno Carlo Claudio Davide Enrico Fabio Federico Filippo Francesco Giacomo Gianni Giorgio Giovanni Giulio Giuseppe Lorenzo Luca Luigi Marco Mario Massimo Matteo Paolo Pietro Roberto Stefano",
		"Amato Barbieri Basile Benedetti Bianchi Bruno Caruso Colombo Conti Coppola Costa Esposito Fabbri Ferrara Ferrari Fontana Gallo Gatti Giordano Grassi Greco Leone Lombardi Mancini Mariani Marino Martini Moretti Neri Pellegrini Ricci Rinaldi Rizzo Romano Rossi Russo Sala Santoro Serra Villa Vitale",
		"ini etti elli ucci ari ello ino"),
	cultureFrom( // Portuguese
		"Adriana Aline Amanda Ana Beatriz Bruna Camila Carolina Catarina Cláudia Fernanda Gabriela Helena Inês Isabel Joana Juliana Larissa Letícia Luana Mariana Marta Patrícia Renata Rita Sandra Sofia Tânia Teresa Vanessa",
		"Afonso Alexandre André António Bernardo Bruno Caio Carlos Diogo Duarte Eduardo Fábio Filipe Francisco Gabriel Gonçalo Guilherme Gustavo Hugo João Jorge Leonardo Lucas Luís Manuel Marcelo Miguel Nuno Paulo Pedro Rafael Ricardo Rui Tiago Vasco",
		"Almeida Alves Antunes Araújo Barbosa Barros Batista Cardoso Carvalho Correia Costa Coelho Cunha Dias Fernandes Ferreira Fonseca Freitas Gomes Gonçalves Lima Lopes Machado Marques Martins Melo Mendes Monteiro Moreira Nunes Oliveira Pereira Pinto Ribeiro Rocha Santos Silva Soares Sousa Teixeira Vieira",
		"eira eiro ães ões lho"),
	cultureFrom( // Dutch
		"Anouk Annelies Astrid Carla Eline Els Esther Femke Floor Hanneke Ilse Ineke Ingrid Janneke Joke Lieke Linda Lotte Maaike Margriet Marieke Marijke Marleen Mieke Nienke Noor Petra Roos Sanne Saskia Tessa Wilma",
		"Arjan Bart Bas Bram Cees Daan Dirk Erik Gerrit Hans Harm Hendrik Henk Jaap Jan Jeroen Joost Kees Koen Lars Maarten Marc Martijn Niels Pieter Rob Ruud Sander Sjoerd Stijn Thijs Tom Wim Wouter",
		"Bakker Berends Boer Bos Bosman Brouwer Dekker Dijkstra Gerritsen Hendriks Hermans Hoekstra Huisman Jacobs Jansen Janssen Koster Kuijpers Kuiper Maas Meijer Mulder Peters Postma Prins Schipper Schouten Smit Smits Timmermans Veenstra Verhoeven Vermeulen Visser Vos Willems",
		"sma stra inga sen ssen mans"),
	cultureFrom( // Nordic
		"Agneta Anette Anna Astrid Birgitta Britt Ebba Elin Elsa Emma Eva Freja Hanna Helga Ida Inga Ingrid Johanna Kajsa Karin Kirsten Lena Linnea Liv Maja Malin Marit Sigrid Sofie Solveig Svea Tove Ulla",
		"Anders Arne Axel Bengt Björn Bo Einar Emil Erik Fredrik Gunnar Gustav Hans Håkan Henrik Jens Johan Kjell Lars Leif Magnus Mats Mikkel Nils Ola Olav Oskar Per Rolf Sigurd Stig Sven Tor Ulf",
		"Andersen Andersson Berg Bergström Christensen Dahl Eriksen Eriksson Gustafsson Hagen Halvorsen Hansen Hansson Haugen Holm Jacobsen Jensen Johansen Johansson Karlsson Kristiansen Larsen Larsson Lindberg Lindqvist Lund Lundgren Madsen Nielsen Nilsen Nilsson Nyström Olsen Olsson Pedersen Persson Rasmussen Sandberg Sørensen Strand Svensson Thomsen",
		"sson ssen sen qvist ström gren lund berg"),
	cultureFrom( // Finnish
		"Aino Anneli Elina Hanna Heidi Helmi Irma Jaana Johanna Kaisa Katja Kirsi Laura Leena Liisa Maarit Marja Merja Minna Päivi Pirjo Riikka Ritva Sanna Satu Sirpa Tiina Tuula Venla",
		"Aleksi Antti Ari Eero Esa Hannu Heikki Ilkka Jari Jouni Juha Jukka Kalle Kari Kimmo Lauri Marko Markku Matti Mika Mikko Olli Pasi Pekka Petri Risto Sami Seppo Tapio Timo Tuomas Veikko Ville",
		"Aalto Ahonen Hakala Hämäläinen Heikkinen Heinonen Hiltunen Järvinen Kallio Karjalainen Kinnunen Korhonen Koskinen Laine Laitinen Lehtinen Lehtonen Lindholm Mäkelä Mäkinen Mattila Miettinen Niemi Nieminen Pitkänen Rantanen Räsänen Saarinen Salminen Salonen Savolainen Toivonen Turunen Väisänen Virtanen",
		"nen lainen läinen"),
	cultureFrom( // Polish and Czech
		"Agata Agnieszka Aleksandra Anna Barbara Beata Danuta Dorota Elżbieta Ewa Grażyna Halina Hana Irena Iwona Jana Joanna Justyna Karolina Katarzyna Lenka Lucyna Magdalena Małgorzata Marta Monika Natalia Paulina Renata Teresa Wanda Zofia",
		"Adam Andrzej Artur Bartosz Dariusz Grzegorz Henryk Jacek Jakub Jan Jerzy Józef Kamil Karel Krzysztof Leszek Łukasz Maciej Marcin Marek Mateusz Michał Paweł Piotr Ryszard Sławomir Stanisław Tadeusz Tomasz Wojciech Zbigniew",
		"Adamczyk Baran Dąbrowski Dudek Duda Dvořák Jankowski Jaworski Kaczmarek Kamiński Kowalczyk Kowalski Kozłowski Krawczyk Kubiak Kwiatkowski Lewandowski Majewski Malinowski Mazur Michalski Nowak Novotný Nowicki Olszewski Pawlak Pietrzak Piotrowski Sikora Stępień Szymański Walczak Wieczorek Wiśniewski Wójcik Wojciechowski Wróbel Wrona Zając Zieliński",
		"ski ska cki cka czyk czak owicz ová"),
	cultureFrom( // Russian and Ukrainian, in Latin letters
		"Alina Anastasia Daria Ekaterina Galina Irina Kateryna Ksenia Larisa Lidia Lyudmila Marina Nadezhda Natalya Nina Oksana Olena Olga Polina Raisa Svetlana Tamara Tatiana Valeria Vera Yelena Yulia Zoya",
		"Aleksandr Aleksei Anatoly Andriy Arkady Bogdan Boris Denis Dmitri Evgeny Fyodor Gennady Grigory Igor Ilya Ivan Kirill Konstantin Leonid Maksim Mikhail Mykola Nikita Nikolai Oleg Pavel Roman Ruslan Sergei Stepan Taras Timur Vadim Valery Vasily Viktor Vladimir Yuri",
		"Antonov Baranov Belov Bondarenko Borisov Egorov Fedorov Filippov Golubev Gusev Ivanov Kiselev Kovalenko Kovalchuk Kozlov Kuznetsov Lebedev Makarov Melnik Mikhailov Morozov Nikitin Nikolaev Novikov Orlov Pavlov Petrov Popov Romanov Semenov Shevchenko Smirnov Sokolov Solovyov Stepanov Tarasov Tkachenko Vasiliev Volkov Yakovlev Zaitsev",
		"ov ova ev eva enko chuk in ina sky skaya"),
	cultureFrom( // Greek, in Latin letters
		"Aikaterini Angeliki Anna Despina Dimitra Eirini Eleni Eleftheria Evangelia Georgia Ioanna Kalliopi Konstantina Maria Panagiota Paraskevi Sofia Stavroula Vasiliki Zoe",
		"Alexandros Anastasios Andreas Antonis Apostolos Athanasios Christos Dimitrios Evangelos Georgios Giannis Ilias Ioannis Konstantinos Kostas Michalis Nikolaos Panagiotis Petros Spyros Stavros Stelios Vasilis Yannis",
		"Alexiou Anagnostou Angelopoulos Antoniou Dimitriou Economou Georgiou Ioannou Karagiannis Konstantinou Makris Nikolaidis Oikonomou Panagiotopoulos Papadakis Papadopoulos Papageorgiou Pappas Samaras Theodorou Vlachos Vasileiou",
		"opoulos akis idis iou"),
	cultureFrom( // Turkish
		"Aslı Ayşe Bahar Burcu Canan Derya Dilek Ebru Ece Elif Emine Esra Fatma Gamze Gizem Gül Hatice Hülya Melek Meryem Nur Özge Pınar Seda Selin Sevgi Sibel Tuğba Yasemin Zeynep",
		"Ahmet Ali Burak Can Cem Deniz Emre Engin Erkan Fatih Furkan Hakan Halil Hasan Hüseyin İbrahim Kemal Kerem Mehmet Mert Murat Mustafa Onur Orhan Osman Ömer Ozan Selim Serkan Sinan Tarık Tolga Umut Volkan Yusuf",
		"Acar Akın Aksoy Aktaş Arslan Aslan Aydın Bulut Can Çelik Çetin Çiftçi Demir Doğan Erdoğan Güler Güneş Kaplan Kara Kaya Keskin Kılıç Koç Korkmaz Kurt Öz Özdemir Özkan Öztürk Polat Şahin Şimşek Tekin Turan Ünal Yavuz Yıldırım Yıldız Yılmaz",
		"oğlu oglu türk"),
	cultureFrom( // Arabic, in Latin letters
		"Aisha Amal Amina Asma Dalia Dina Fadwa Farah Fatima Ghada Hala Hanan Huda Iman Jamila Khadija Lamia Layla Lina Maha Maryam Mona Nadia Noor Rania Rasha Rim Salma Samira Sana Yasmin Zahra Zainab",
		"Abdullah Adel Ahmad Ali Amir Anwar Bilal Faisal Farid Hamid Hassan Hisham Hussein Ibrahim Ismail Jamal Karim Khaled Mahmoud Majid Mansour Mohammed Mustafa Nabil Nasser Omar Rashid Saleh Samir Sami Tariq Walid Yasin Yousef Ziad",
		"Abbas Abdallah Aziz Bakr Daher Darwish Fahmy Farouk Ghanem Habib Haddad Hamdan Hariri Jaber Kanaan Khalil Khoury Mahfouz Mansour Masri Nasser Naser Qasim Rahman Saad Sabbagh Said Salem Salim Shaheen Sharif Suleiman Tawil Yassin Younis Zaki",
		"awi ani eddin"),
	cultureFrom( // Indian
		"Aditi Ananya Anita Anjali Archana Asha Deepa Divya Gayatri Geeta Indira Kavita Kiran Lakshmi Lata Madhuri Mala Meena Meera Neha Nisha Pooja Prachi Priya Radha Rani Rekha Ritu Sarita Shanti Shreya Sita Sunita Swati Usha Vidya",
		"Aditya Ajay Akash Amit Anil Arjun Arun Ashok Deepak Dinesh Ganesh Gopal Harish Karan Kunal Mahesh Manoj Mohan Naveen Nikhil Prakash Pranav Rahul Rajesh Rakesh Ramesh Ravi Rohit Sandeep Sanjay Sunil Suresh Varun Vijay Vikram Vinod Vivek",
		"Agarwal Banerjee Bhat Bhatt Chatterjee Chaudhary Chopra Das Desai Deshmukh Gandhi Ghosh Goswami Gupta Iyer Jain Jha Joshi Kapoor Khanna Krishnan Kulkarni Kumar Malhotra Mehta Menon Mishra Mukherjee Nair Naidu Pandey Patel Patil Pillai Rao Reddy Saxena Sen Shah Sharma Singh Sinha Srinivasan Trivedi Varma Verma Yadav",
		"wala kar nathan swamy"),
	cultureFrom( // Chinese, in Latin letters
		"Bing Chun Fang Hong Hua Hui Jiao Jing Juan Lan Lei Lili Ling Mei Meiling Min Na Ning Ping Qing Rong Shan Shu Ting Wen Xia Xiaoli Xiaomei Xiu Xue Yan Yi Ying Yue Yun Zhen",
		"Bo Bin Chao Cheng Dong Feng Gang Guang Guoqiang Haitao Hao Jian Jianguo Jianhua Jie Jun Kai Kang Liang Long Ming Peng Qiang Rui Tao Wei Weimin Xiaoming Xin Yang Yifan Yong Zhiqiang Zhong",
		"Cai Cao Chen Cheng Deng Ding Dong Du Fan Fang Feng Fu Gao Guo Han He Hu Huang Jiang Jin Li Liang Liao Lin Liu Lu Luo Ma Pan Peng Qian Shen Shi Song Sun Tan Tang Tian Wang Wei Wu Xia Xiao Xie Xu Xue Yan Yang Yao Ye Yuan Zeng Zhang Zhao Zheng Zhou Zhu",
		""),
	cultureFrom( // Japanese, in Latin letters
		"Ai Akiko Asuka Ayaka Chie Emi Haruka Hiroko Hitomi Junko Kaori Keiko Kumiko Mai Mana Mariko Mayumi Megumi Michiko Miho Misaki Miyuki Naoko Nao Noriko Reiko Rie Sachiko Sakura Shiori Tomoko Yoko Yoshiko Yui Yuka Yuki Yumi",
		"Akira Daisuke Daiki Hiroshi Hideki Hiroki Ichiro Jun Kazuo Ken Kenji Kenta Koji Makoto Masaru Masashi Naoki Noboru Osamu Ryo Ryota Satoru Satoshi Shigeru Shinji Shota Takashi Takeshi Takumi Taro Tatsuya Tetsuya Tsubasa Yasuo Yoshio Yuta Yutaka",
		"Abe Aoki Arai Endo Fujii Fujita Fukuda Goto Hara Hasegawa Hashimoto Hayashi Ikeda Inoue Ishida Ishii Ishikawa Ito Kato Kimura Kobayashi Kondo Maeda Matsuda Matsumoto Mori Murakami Nakagawa Nakajima Nakamura Nishimura Ogawa Okada Ono Ota Saito Sakai Sakamoto Sasaki Sato Shimizu Suzuki Takahashi Takeuchi Tanaka Ueda Wada Watanabe Yamada Yamaguchi Yamamoto Yamashita Yamazaki Yokoyama Yoshida",
		"moto yama kawa gawa mura shima jima saki zaki"),
	cultureFrom( // Korean, in Latin letters
		"Bora Chaewon Eunji Eunkyung Gaeun Hana Haneul Heejin Hyejin Hyunjung Jihye Jimin Jiwon Jiyoung Minji Minjung Mirae Nari Sohee Somin Soojin Sooyoung Sora Yejin Yoonah Yuna",
		"Byungho Changmin Daehyun Donghyun Dongwook Hyunwoo Jaehyun Jihoon Jinwoo Joonho Junseo Kyungsoo Minho Minjae Minsu Sanghoon Seojun Seungho Sungmin Sungwoo Taehyung Woojin Yongjun Youngho Youngsoo",
		"Ahn Bae Baek Cho Choi Chung Han Heo Hong Hwang Im Jang Jeon Jeong Jung Kang Kim Ko Kwon Lee Lim Moon Nam Noh Oh Park Ryu Seo Shin Song Son Yang Yoo Yoon",
		""),
	cultureFrom( // Vietnamese
		"Bích Diễm Dung Hà Hạnh Hiền Hoa Hồng Hương Huyền Kiều Lan Liên Linh Loan Mai My Nga Ngân Ngọc Nhung Oanh Phương Quỳnh Thảo Thu Thủy Trang Trinh Tuyết Vân Yến",
		"An Bảo Bình Cường Đạt Đức Dũng Duy Hải Hiếu Hoàng Hùng Huy Khánh Khoa Kiên Long Mạnh Nam Nghĩa Phong Phúc Quân Quang Sơn Tài Thắng Thành Thịnh Toàn Trung Tú Tuấn Tùng Việt Vinh",
		"Bùi Cao Châu Đặng Đào Đinh Đỗ Đoàn Dương Hồ Hoàng Huỳnh Lâm Lê Lương Lý Mai Nguyễn Ngô Phạm Phan Phùng Tạ Thái Trần Trịnh Trương Võ Vũ Vương",
		""),
	cultureFrom( // West African
		"Abena Adaeze Adaobi Aduke Akosua Ama Amara Amina Bisi Chiamaka Chidinma Chinwe Efua Esi Folake Funmi Halima Ifeoma Kemi Ngozi Nkechi Nneka Obioma Olamide Oluchi Ronke Sade Temitope Titilayo Uche Yetunde Zainab",
		"Abdul Ade Adewale Akin Babatunde Bayo Chidi Chike Chinedu Chukwudi Dayo Emeka Femi Ibrahim Ifeanyi Ikenna Jide Kofi Kojo Kwabena Kwame Kwesi Musa Nnamdi Obinna Okechukwu Olumide Sani Segun Seun Tunde Uchenna Wale Yaw",
		"Abiola Achebe Adebayo Adeleke Adeyemi Afolabi Agyeman Akande Akinola Amoah Anane Annan Appiah Asante Balogun Bello Boateng Chukwu Danso Eze Ezeh Ibe Igwe Lawal Mensah Musa Nwosu Obi Odukoya Ogunleye Okafor Okeke Okonkwo Okoro Okoye Oladipo Onyeka Osei Owusu Oyelaran Sarpong Uzoma Yeboah",
		"nkwo kwo wale yemi deji bayo"),
	cultureFrom( // East and southern African
		"Achieng Akinyi Asha Atieno Awino Faith Imani Lerato Makena Mumbi Naledi Nandi Njeri Nomsa Nyambura Precious Rehema Thandi Thandiwe Tumelo Wairimu Wambui Wanjiku Zanele Zawadi Zodwa",
		"Baraka Daudi Hamisi Jabari Juma Kamau Kiprono Kipchoge Lebo Mandla Mwangi Njoroge Ochieng Odhiambo Otieno Owino Sabelo Simba Sipho Tendai Thabo Themba Tshepo Vusi Wanyama",
		"Abdi Banda Chirwa Dlamini Gathoni Kamau Kariuki Khumalo Kimani Kiplagat Koech Mabaso Macharia Maina Mbeki Mokoena Moyo Mthembu Mutua Mwale Mwangi Ncube Ndlovu Ngugi Nkosi Nyathi Ochieng Odhiambo Omondi Onyango Otieno Phiri Sithole Wambua Wanjala Zulu",
		""),
}

// cultures adds those of other scripts.
var cultures = append(slices.Clip(latinCultures),
	cultureFrom( // Russian
		"Алина Анастасия Анна Валентина Вера Галина Дарья Екатерина Елена Ирина Ксения Лариса Людмила Марина Мария Надежда Наталья Нина Оксана Ольга Полина Светлана Тамара Татьяна Юлия",
		"Александр Алексей Анатолий Андрей Антон Борис Вадим Валерий Василий Виктор Владимир Григорий Денис Дмитрий Евгений Иван Игорь Илья Кирилл Константин Леонид Максим Михаил Никита Николай Олег Павел Роман Сергей Степан Юрий",
		"Антонов Баранов Белов Борисов Волков Воробьев Голубев Егоров Зайцев Захаров Иванов Киселев Козлов Комаров Королев Кузнецов Лебедев Макаров Медведев Михайлов Морозов Никитин Николаев Новиков Орлов Павлов Петров Попов Романов Семенов Смирнов Соколов Соловьев Степанов Тарасов Федоров Филиппов Яковлев",
		""),
	cultureFrom( // Chinese
		"秀英 桂英 玉兰 丽华 秀兰 小红 美玲 静怡 雅婷 欣怡 佳慧 晓梅 雪梅 婷婷 丽娟 春梅 海燕 文静 慧敏 淑芬",
		"建国 建华 志强 志明 国强 文杰 俊杰 伟强 海涛 明辉 家豪 永强 建平 晓东 国华 浩然 子轩 天宇 立军 光明",
		"王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 林 罗 高 郑 梁 谢 宋 唐 许 韩 冯 邓 曹",
		""),
)

var (
	companies    = strings.Fields("Alder Anchor Arbour Aster Beacon Birch Bramble Brook Cedar Clover Compass Copper Coral Cove Crest Delta Ember Fern Fjord Garnet Glade Granite Harbour Hazel Heather Heron Island Ivory Juniper Kestrel Lantern Larch Linden Maple Meadow Mill Oak Opal Orchard Otter Pebble Pine Quarry Quill Raven Reed River Rowan Saffron Sage Slate Sorrel Spruce Swift Thistle Timber Vale Willow Wren")
	companyForms = strings.Fields("Associates Consulting Group Holdings Industries Labs Logistics Partners Services Solutions Systems Trading Works")
	streets      = []string{
		"Ash Road", "Beech Avenue", "Bridge Street", "Castle Lane", "Cherry Close", "Church Street", "Elm Grove", "Garden Road", "Grange Lane", "Green Street", "Hill Road", "Kings Road", "Lake View", "Market Street", "Meadow Lane", "Mill Lane", "New Street", "North Road", "Oak Avenue", "Orchard Way", "Park Road", "Poplar Drive", "Queens Road", "River Street", "School Lane", "South Street", "Spring Gardens", "Station Road", "Victoria Street", "Willow Close",
	}
	towns = strings.Fields("Aldbrook Ashcombe Barrowby Brackwell Brynmoor Calderfield Carrick Castlebourne Corringham Dunmere Eastleigh Elmsworth Fairhaven Fernley Glenross Harrowdale Hartfield Inverdale Kelbrook Kingsmere Langford Linfield Marlow Midbrook Northwick Oakhampton Penbridge Ravenscar Redford Rosehill Sandwick Southmere Stonebridge Thornbury Upperton Wadebridge Westbrook Whitfield Winterbourne Yarrow")
)

// nameWordOf says what is known of a word.
type nameWordOf struct {
	culture int
	role    role
}

// nameIndex knows the listed words, folded; of a word in several lists the
// first counts.
var nameIndex = sync.OnceValue(func() map[string]nameWordOf {
	index := map[string]nameWordOf{}
	add := func(list []string, n int, r role) {
		for _, w := range list {
			if _, ok := index[foldText(w)]; !ok {
				index[foldText(w)] = nameWordOf{n, r}
			}
		}
	}
	for n, c := range cultures {
		add(c.female, n, female)
		add(c.male, n, male)
	}
	for n, c := range cultures {
		add(c.surnames, n, surname)
	}
	return index
})

// cultureOf guesses by script, then by the ending of a surname.
func cultureOf(folded, w string) int {
	for _, r := range w {
		switch {
		case r >= 0x400 && r <= 0x4ff:
			return len(latinCultures)
		case r >= 0x4e00 && r <= 0x9fff:
			return len(latinCultures) + 1
		}
	}
	best, longest := 0, 0
	for n, c := range latinCultures {
		for _, e := range c.endings {
			if e = foldText(e); len(e) > longest && len(folded) > len(e)+2 && strings.HasSuffix(folded, e) {
				best, longest = n, len(e)
			}
		}
	}
	return best
}
